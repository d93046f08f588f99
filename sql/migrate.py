"""Brings a database to the newest revision."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine

from domain.errors import TandemError
from sql.locks import MIGRATION, wait_for_lock
from sql.revisions import find_revisions, is_current, known_revisions
from sql.roles import ensure_roles, grant_rights, let_named_log_in, owns_tables


class NotOwnerError(TandemError):
    """The database is older than this version of Tandem, and only the owner of its tables migrates.

    Name that role too: DATABASE_OWNER_URL=postgresql://owner:password@host/database
    """


class UnknownRevisionError(TandemError):
    """The database was made by a newer version of Tandem, or by one that was never released."""


def migrate(engine: Engine, *logins: str) -> None:
    """Apply every revision the database lacks, in one transaction; harmless when there is none.

    Then everybody is granted what they need of it, and the roles that `logins`, addresses of the
    same database, name get the passwords that stand there.

    Raises MissingRoleError if a role is missing that whoever migrates may not make, NotOwnerError
    if revisions are lacking and the tables are another's, and UnknownRevisionError if this version
    does not know the database's revision.
    """
    with engine.begin() as connection:
        # Two processes that start together must not migrate together.
        wait_for_lock(connection, MIGRATION)
        if not owns_tables(connection):
            if not is_current(connection):
                raise NotOwnerError
            return
        _refuse_unknown_revision(connection)
        ensure_roles(connection)
        command.upgrade(_config(connection), "head")
        grant_rights(connection)
        for address in logins:
            let_named_log_in(connection, address)


def _refuse_unknown_revision(connection: Connection) -> None:
    stands_at = find_revisions(connection).stands_at
    if stands_at is not None and stands_at not in known_revisions():
        raise UnknownRevisionError(
            f"The database stands at revision {stands_at}, which this version of Tandem does not"
            " know: a newer version made it, or one before 0.1.0. Run that version, or load your"
            " data into an empty database."
        )


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    return config
