"""Brings a database to the newest revision."""

from dataclasses import dataclass
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

# Two processes that start together must not migrate together.
_MIGRATION_LOCK = 31309_0001


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


def migrate(engine: Engine) -> None:
    """Apply every revision the database lacks, in one transaction; harmless when there is none."""
    with engine.begin() as connection:
        connection.execute(text("select pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
        command.upgrade(_config(connection), "head")


def is_current(connection: Connection) -> bool:
    """Whether the database stands at the newest revision."""
    return find_revisions(connection).current


def find_revisions(connection: Connection) -> Revisions:
    """Where the database stands, and where it should."""
    return Revisions(
        stands_at=MigrationContext.configure(connection).get_current_revision(),
        newest=ScriptDirectory.from_config(_config(connection)).get_current_head(),
    )


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    return config
