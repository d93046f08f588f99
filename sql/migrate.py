"""Brings a database to the newest revision, or back to an earlier one."""

import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import OperationalError

from domain.errors import TandemError
from sql.locks import MIGRATION, wait_for_lock
from sql.revisions import find_revisions, known_revisions
from sql.roles import ensure_roles, grant_rights, let_named_log_in, owns_tables
from sql.statements import statements

if TYPE_CHECKING:
    from alembic.config import Config

_REVISIONS = statements("revisions")
_TRIES = 120
_LOCK_NOT_AVAILABLE = "55P03"


class NotOwnerError(TandemError):
    """The database is older than this version of Tandem, and only the owner of its tables migrates.

    Name that role too: DATABASE_OWNER_URL=postgresql://owner:password@host/database
    """


class UnknownRevisionError(TandemError):
    """The database was made by a newer version of Tandem, or by one that was never released."""


class NoWayBackError(TandemError):
    """The database cannot be brought to that revision."""


class TablesInUseError(TandemError):
    """Somebody has held a table that is to be changed for all the time it was tried."""

    def __init__(self) -> None:
        super().__init__(
            "Another transaction has been holding a table that is to be changed: a long query, a"
            " dump or a night. Nothing was changed. Wait for its end, or find it in"
            " pg_stat_activity, and migrate again."
        )


def migrate(engine: Engine, *logins: str) -> None:
    """Apply every revision the database lacks, in one transaction; harmless when there is none.

    Then everybody is granted what they need of it, and the roles that `logins`, addresses of the
    same database, name get the passwords that stand there. Processes go on meanwhile: a table that
    is in use is waited for half a second at a time. A database of a newer version that this one
    works with is left as it is.

    Raises MissingRoleError if a role is missing that whoever migrates may not make, NotOwnerError
    if revisions are lacking and the tables are another's, UnknownRevisionError if this version
    does not know the database's revision, and TablesInUseError.
    """
    _beside_others(engine, lambda connection: _migrate(connection, *logins))


def migrate_back(engine: Engine, revision: str) -> None:
    """Take back all revisions after this one, with what is stored in what they added.

    For the version that knows them. Its processes must have ended. Raises NoWayBackError if there
    is no such revision before the one of the database or one cannot be taken back, NotOwnerError,
    and TablesInUseError.
    """
    _beside_others(engine, lambda connection: _migrate_back(connection, revision))


def _migrate(connection: Connection, *logins: str) -> None:
    revisions = find_revisions(connection)
    if not owns_tables(connection):
        if not revisions.fits:
            raise NotOwnerError
        return
    if not revisions.newer:
        _refuse_unknown_revision(revisions.stands_at)
        ensure_roles(connection)
        connection.execute(_REVISIONS["wait_briefly_for_tables"])
        if not revisions.current:
            # Most who start find nothing to do, and need not wait for Alembic.
            from alembic import command  # noqa: PLC0415

            command.upgrade(_config(connection), "head")
        grant_rights(connection)
    for address in logins:
        let_named_log_in(connection, address)


def _migrate_back(connection: Connection, revision: str) -> None:
    stands_at = find_revisions(connection).stands_at
    if not owns_tables(connection):
        raise NotOwnerError
    _refuse_unknown_revision(stands_at)
    if stands_at is None or revision not in known_revisions() or revision >= stands_at:
        raise NoWayBackError(
            f"The database stands at revision {stands_at}; {revision} is none before it."
        )
    connection.execute(_REVISIONS["wait_briefly_for_tables"])
    from alembic import command  # noqa: PLC0415

    try:
        command.downgrade(_config(connection), revision)
    except AttributeError as error:
        # Alembic asks for the function `downgrade` of each.
        raise NoWayBackError(
            f"A revision after {revision} takes something away, which only a backup brings back."
            " Nothing was changed."
        ) from error
    grant_rights(connection)


def _beside_others(engine: Engine, work: Callable[[Connection], None]) -> None:
    """Do it in one transaction, again and again as long as tables are in use."""
    for _ in range(_TRIES):
        try:
            with engine.begin() as connection:
                # Two processes that start together must not migrate together.
                wait_for_lock(connection, MIGRATION)
                work(connection)
        except OperationalError as error:
            if getattr(error.orig, "sqlstate", None) != _LOCK_NOT_AVAILABLE:
                raise
            # Whoever came meanwhile goes first.
            time.sleep(random.uniform(0.3, 1.0))  # noqa: S311 -- no secret
        else:
            return
    raise TablesInUseError


def _refuse_unknown_revision(stands_at: str | None) -> None:
    if stands_at is not None and stands_at not in known_revisions():
        raise UnknownRevisionError(
            f"The database stands at revision {stands_at}, which this version of Tandem does not"
            " know: a newer version made it, or one before 0.1.0. Run that version, or load your"
            " data into an empty database."
        )


def _config(connection: Connection) -> "Config":
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    return config
