"""Which revision a database stands at, and which it should: known without loading Alembic.

A process that answers requests has no use for Alembic, whose import takes half as long as all the
rest of its start.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from sqlalchemy import Connection

from sql.statements import statements

_REVISIONS = statements("revisions")
_SCRIPTS = Path(__file__).parent / "migrations" / "versions"


@dataclass(frozen=True, slots=True)
class Revisions:
    """Revisions of the database."""

    stands_at: str | None
    """None: it was never migrated."""
    newest: str | None
    """The newest one this version of Tandem knows."""

    @property
    def current(self) -> bool:
        """Whether the database stands at the newest one."""
        return self.stands_at == self.newest


def is_current(connection: Connection) -> bool:
    """Whether the database stands at the newest revision."""
    return find_revisions(connection).current


def find_revisions(connection: Connection) -> Revisions:
    """Where the database stands, and where it should."""
    if not connection.execute(_REVISIONS["has_revision_table"]).scalar_one():
        return Revisions(None, newest_revision())
    found = connection.execute(_REVISIONS["find_revision"]).scalar_one_or_none()
    return Revisions(found, newest_revision())


@cache
def known_revisions() -> frozenset[str]:
    """The revisions there is a script for; their files begin with their numbers."""
    return frozenset(script.name.split("_")[0] for script in _SCRIPTS.glob("[0-9]*.py"))


def newest_revision() -> str:
    """The newest of them."""
    return max(known_revisions())
