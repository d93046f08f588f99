"""The database for a command, whether the stack runs or not."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from domain.errors import StackError
from stack.database_addresses import DatabaseAddresses
from stack.local.embedded_database import DATABASE, embedded_addresses
from stack.local.home import Home, is_up, owning
from stack.local.servers.postgres import running_postgres
from stack.local.supervision.state import StackState, find_state
from stack.settings import StackSettings

START_TIMEOUT_SECONDS = 120.0
_POLL_SECONDS = 0.1


class StackNotReadyError(StackError):
    """The stack is being started and its database did not come up in time."""


@dataclass(frozen=True, slots=True)
class Stores:
    """Addresses a command works with."""

    database: DatabaseAddresses
    redis_url: str | None
    prefect_url: str | None
    """None: no Prefect server runs."""

    @property
    def database_url(self) -> str:
        """The database, as the role that changes rows."""
        return self.database.app


@contextmanager
def opened_stores(settings: StackSettings, home: Home, command: str) -> Iterator[Stores]:
    """The stores of the running stack, or a migrated database for the time of the block.

    Raises HomeInUseError if another command works in the home folder.
    """
    if is_up(home):
        state = _wait_for_database(home)
        yield Stores(state.database, state.redis_url, state.prefect_url)
        return
    with owning(home, command), _own_database(settings, home) as database:
        prepare_database(database)
        yield Stores(database, settings.external_redis_url, None)


def prepare_database(database: DatabaseAddresses) -> None:
    """Bring the database to the newest revision, as its owner."""
    # Most commands find the stack up, and need not wait for Alembic, nor all for SQLAlchemy.
    from sql.migrate import migrate  # noqa: PLC0415
    from stack.database import using_engine  # noqa: PLC0415

    with using_engine(database.owner) as engine:
        migrate(engine, *database.logins)


@contextmanager
def _own_database(settings: StackSettings, home: Home) -> Iterator[DatabaseAddresses]:
    external = settings.external_database
    if external is not None:
        yield external
        return
    from stack.local.roles import ensure_embedded_database  # noqa: PLC0415 -- as above

    with running_postgres(home.postgres, log=home.log("postgres")) as server:
        ensure_embedded_database(server)
        yield embedded_addresses(server, DATABASE)


def _wait_for_database(home: Home) -> StackState:
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while time.monotonic() < deadline and is_up(home):
        state = find_state(home.state_file)
        if state is not None and state.migrated:
            return state
        time.sleep(_POLL_SECONDS)
    raise StackNotReadyError("Tandem is starting, but its database did not come up in time.")
