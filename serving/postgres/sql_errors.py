"""What errors that our own functions raise in PostgreSQL tell."""

import json
from typing import Any

from sqlalchemy.exc import DBAPIError

MERGED = "TD410"
"""An id is that of a user who was merged into another."""


def sqlstate_of(error: DBAPIError) -> str | None:
    """Which error it is; None: it is none of PostgreSQL's."""
    return getattr(error.orig, "sqlstate", None)


def detail_of(error: DBAPIError) -> Any:
    """Its detail, which is JSON."""
    return json.loads(error.orig.diag.message_detail)  # type: ignore[union-attr]
