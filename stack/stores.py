"""The database for a command, whether the stack runs or not."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from domain.errors import StackError
from sql.migrate import migrate
from stack.database import using_engine
from stack.home import Home, is_up, owning
from stack.servers.postgres import ensure_database, running_postgres
from stack.settings import StackSettings
from stack.supervision.processes import DATABASE
from stack.supervision.state import StackState, find_state

START_TIMEOUT_SECONDS = 120.0
_POLL_SECONDS = 0.1


class StackNotReadyError(StackError):
    """The stack is being started and its database did not come up in time."""


@dataclass(frozen=True, slots=True)
class Stores:
    """Addresses a command works with."""

    database_url: str
    redis_url: str | None
    prefect_url: str | None
    """None: no Prefect server runs."""


@contextmanager
def opened_stores(settings: StackSettings, home: Home, command: str) -> Iterator[Stores]:
    """The stores of the running stack, or a migrated database for the time of the block.

    Raises HomeInUseError if another command works in the home folder.
    """
    if is_up(home):
        state = _wait_for_database(home)
        yield Stores(state.database_url, state.redis_url, state.prefect_url)
        return
    with owning(home, command), _own_database(settings, home) as database_url:
        prepare_database(database_url)
        yield Stores(database_url, settings.external_redis_url, None)


def prepare_database(database_url: str) -> None:
    """Bring the database to the newest revision."""
    with using_engine(database_url) as engine:
        migrate(engine)


@contextmanager
def _own_database(settings: StackSettings, home: Home) -> Iterator[str]:
    if settings.external_database_url is not None:
        yield settings.external_database_url
        return
    with running_postgres(home.postgres, log=home.log("postgres")) as server:
        ensure_database(server, DATABASE)
        yield server.url(DATABASE)


def _wait_for_database(home: Home) -> StackState:
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while time.monotonic() < deadline and is_up(home):
        state = find_state(home.state_file)
        if state is not None and state.migrated:
            return state
        time.sleep(_POLL_SECONDS)
    raise StackNotReadyError("Tandem is starting, but its database did not come up in time.")
