"""Loads as their rows tell of them, and taking one back."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from domain.errors import InvalidInputError
from sql.statements import statements

_LOADING = statements("loading")
_RUNNING = "TD423"


@dataclass(frozen=True, slots=True)
class Load:
    """One load."""

    load_no: int
    state: str
    """running, complete, interrupted or undone."""
    started_at: datetime
    ended_at: datetime | None
    loaded_by: str
    source: str
    mapping: Mapping[str, Any]
    """How its files were read."""
    counts: Mapping[str, Any]
    """What became of its rows; of one that was interrupted nothing is known."""
    undone_at: datetime | None


@dataclass(frozen=True, slots=True)
class Undone:
    """What was taken back."""

    events: int
    users: int
    """Users whose events these were."""
    users_removed: int
    """Of those the load made, the ones of whom nothing else is known."""
    items_removed: int
    items_kept: int
    """Items the load made that somebody used or changed since."""
    items_restored: int
    """Items that are again as they were before."""
    is_new: bool
    """False: the load was taken back before."""


def list_loads(connection: Connection, most: int) -> list[Load]:
    """The newest loads, newest first."""
    return [Load(*row) for row in connection.execute(_LOADING["list_loads"], {"most": most})]


def undo_load(connection: Connection, load_no: int) -> Undone:
    """Take back what a load added, in the transaction of the connection; twice is once.

    Raises InvalidInputError if there is no such load, or it is still running.
    """
    try:
        row = connection.execute(_LOADING["undo_load"], {"load_no": load_no}).one_or_none()
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) == _RUNNING:
            raise InvalidInputError(
                f"Load {load_no} is running. Stop it first; what it stored is taken back then."
            ) from error
        raise
    if row is None:
        raise InvalidInputError(f"There is no load {load_no}; `tandem loads` lists them.")
    return Undone(*row)
