"""Brings a database to the newest revision."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, text

from domain.errors import TandemError
from sql.revisions import is_current
from sql.roles import ensure_roles, grant_rights, let_named_log_in, owns_tables

# Two processes that start together must not migrate together.
_MIGRATION_LOCK = 31309_0001


class NotOwnerError(TandemError):
    """The database is older than this version of Tandem, and only the owner of its tables migrates.

    Name that role too: DATABASE_OWNER_URL=postgresql://owner:password@host/database
    """


def migrate(engine: Engine, *logins: str) -> None:
    """Apply every revision the database lacks, in one transaction; harmless when there is none.

    Then everybody is granted what they need of it, and the roles that `logins`, addresses of the
    same database, name get the passwords that stand there.

    Raises MissingRoleError if a role is missing that whoever migrates may not make, and
    NotOwnerError if revisions are lacking and the tables are another's.
    """
    with engine.begin() as connection:
        connection.execute(text("select pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
        if not owns_tables(connection):
            if not is_current(connection):
                raise NotOwnerError
            return
        ensure_roles(connection)
        command.upgrade(_config(connection), "head")
        grant_rights(connection)
        for address in logins:
            let_named_log_in(connection, address)


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    return config
