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
    oldest_supported: str | None = None
    """Versions of Tandem that know it, or a later one, work with the database. None: unknown."""

    @property
    def current(self) -> bool:
        """Whether the database stands at the newest one."""
        return self.stands_at == self.newest

    @property
    def newer(self) -> bool:
        """Whether a newer version made the database, and this one works with it all the same."""
        if self.stands_at is None or self.newest is None or self.oldest_supported is None:
            return False
        return self.oldest_supported <= self.newest < self.stands_at

    @property
    def fits(self) -> bool:
        """Whether this version of Tandem works with the database."""
        return self.current or self.newer


def is_migrated(connection: Connection) -> bool:
    """Whether this version of Tandem works with the database."""
    return find_revisions(connection).fits


def find_revisions(connection: Connection) -> Revisions:
    """Where the database stands, and where it should."""
    tables = connection.execute(_REVISIONS["has_revision_tables"]).one()
    if not tables.has_revision:
        return Revisions(None, newest_revision())
    name = "find_supported_revision" if tables.has_support else "find_revision"
    found = connection.execute(_REVISIONS[name]).one_or_none()
    if found is None:
        return Revisions(None, newest_revision())
    return Revisions(found.version_num, newest_revision(), found.oldest_revision)


@cache
def known_revisions() -> frozenset[str]:
    """The revisions there is a script for; their files begin with their numbers."""
    return frozenset(script.name.split("_")[0] for script in _SCRIPTS.glob("[0-9]*.py"))


def newest_revision() -> str:
    """The newest of them."""
    return max(known_revisions())
