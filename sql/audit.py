"""The audit log: who administered what. An entry is written in the transaction of the act itself.

The API does both in one statement (the part `audited`); here is what commands and nights use.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from sql.statements import statements

_ACCESS = statements("access")


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One act."""

    audit_id: int
    at: datetime
    actor: str
    """A key or an account by its name, or an account of the machine."""
    act: str
    subject: str
    """What was acted on."""
    details: Mapping[str, Any]
    request_id: str | None
    """None: it came by no request."""


def add_audit_entry(
    connection: Connection,
    act: str,
    subject: str,
    *,
    actor: str,
    request_id: str | None = None,
    **details: object,
) -> None:
    """Tell of an act in its own transaction."""
    parameters = {
        "actor": actor,
        "act": act,
        "subject": subject,
        "details": json.dumps(details),
        "request_id": request_id,
    }
    connection.execute(_ACCESS["add_audit_entry"], parameters)


def list_audit(connection: Connection, most: int, before: int | None = None) -> list[AuditEntry]:
    """The newest entries before the one of this number, newest first; None: of all."""
    rows = connection.execute(_ACCESS["list_audit"], {"before": before, "most": most})
    return [AuditEntry(*row) for row in rows]


def delete_old_entries(connection: Connection, before: datetime) -> int:
    """Delete what is told of before this time; how many entries it was."""
    found = connection.execute(_ACCESS["delete_old_audit_entries"], {"before": before})
    return int(found.scalar_one())
