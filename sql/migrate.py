"""Brings a database to the newest revision."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, text

from sql.roles import ensure_roles, grant_rights, let_named_log_in

# Two processes that start together must not migrate together.
_MIGRATION_LOCK = 31309_0001


def migrate(engine: Engine, *logins: str) -> None:
    """Apply every revision the database lacks, in one transaction; harmless when there is none.

    Then everybody is granted what they need of it, and the roles that `logins`, addresses of the
    same database, name get the passwords that stand there. Raises MissingRoleError if a role is missing
    that whoever migrates may not make.
    """
    with engine.begin() as connection:
        connection.execute(text("select pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
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
