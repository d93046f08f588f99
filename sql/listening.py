"""Listening to PostgreSQL's notifications, for programs on asyncio and for those that are not."""

from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, closing
from dataclasses import dataclass
from typing import Any, Literal

import psycopg
from sqlalchemy import Connection

from domain.identifiers import RunId
from sql.addresses import libpq_url
from sql.statements import statements

_LISTEN = str(statements("live")["listen_to_promotions"])
_LISTEN_TO_EXCLUSIONS = str(statements("live")["listen_to_exclusions"])
_LISTEN_TO_COMING = str(statements("live")["listen_to_coming_runs"])
_LISTEN_TO_WARMED = statements("live")["listen_to_warmed_runs"]
_LISTEN_TO_USERS = str(statements("live")["listen_to_users"])
_LISTEN_TO_PLACEMENTS = str(statements("live")["listen_to_placements"])
_LISTEN_TO_CATALOGUE = str(statements("live")["listen_to_catalogue"])
_LISTEN_TO_ITEMS = str(statements("cold_items")["listen_to_items"])
_KINDS: dict[str, "Kind"] = {
    "tandem_promotion": "promotion",
    "tandem_coming": "coming",
    "tandem_exclusions": "exclusions",
    "tandem_catalogue": "catalogue",
    "tandem_users": "users",
    "tandem_placements": "placements",
}

QUIET_SECONDS = 30.0
"""After so long in silence the connection is tried: a server that is gone is silent too."""

_CONNECTING: dict[str, Any] = {
    "autocommit": True,
    "connect_timeout": 5,
    # What stands between two machines may drop a quiet connection without a word.
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    # By this name it is seen that a speed worker is there, as by that of its other connections.
    "application_name": "tandem-listener",
}
_FOLLOWING = _CONNECTING | {"application_name": "tandem-follower"}
"""By this name the night sees whether anybody makes answers of a run that is about to be served."""


Kind = Literal["promotion", "coming", "exclusions", "catalogue", "users", "placements"]


@dataclass(frozen=True, slots=True)
class Notification:
    """A message of PostgreSQL to whoever listens."""

    kind: Kind
    """`promotion`: another run is served, or there may be one; `coming`: one is about to be;
    `catalogue`: something happened to items; `users`: a load has brought some;
    `placements`: something else is decided for one."""
    payload: str = ""
    """The number of the run, or what users must not be shown."""


async def listen_for_notifications(database_url: str) -> AsyncGenerator[Notification]:
    """Notifications as they come; a promotion too when listening begins, and now and then.

    The connection is its own and ends with the iteration. One of `sql.engine.AWAY_ERRORS` is
    raised when it is lost: what happened meanwhile was not reported.
    """
    url = libpq_url(database_url)
    async with await psycopg.AsyncConnection.connect(url, **_FOLLOWING) as connection:
        while True:
            # Said again after a quiet time, which does no harm and fails if the server is gone.
            await connection.execute(_LISTEN)
            await connection.execute(_LISTEN_TO_COMING)
            await connection.execute(_LISTEN_TO_EXCLUSIONS)
            await connection.execute(_LISTEN_TO_CATALOGUE)
            await connection.execute(_LISTEN_TO_USERS)
            await connection.execute(_LISTEN_TO_PLACEMENTS)
            yield Notification("promotion")
            notifies = connection.notifies(timeout=QUIET_SECONDS)
            async with aclosing(notifies):
                async for notify in notifies:
                    yield Notification(_KINDS[notify.channel], notify.payload)


def wait_for_warmed(connection: Connection, run_id: RunId, processes: int, seconds: float) -> int:
    """How many API processes reported within the time that their answers of a run are made.

    Waits for no more than `processes`. The connection is in autocommit and has listened since
    before they were notified: `listen_to_warmed`.
    """
    raw = connection.connection.driver_connection
    assert isinstance(raw, psycopg.Connection)  # noqa: S101 -- `sql.engine` knows no other driver
    reported = 0
    with closing(raw.notifies(timeout=seconds)) as notifies:
        for notify in notifies:
            reported += notify.payload == str(run_id)
            if reported >= processes:
                break
    return reported


def listen_to_warmed(connection: Connection) -> None:
    """From now on the connection is notified of API processes that have made their answers."""
    connection.execute(_LISTEN_TO_WARMED)


def listen_blocking(database_url: str) -> Iterator[None]:
    """For a thread: yields when it listens, at promotions and changed items, and now and then."""
    with psycopg.connect(libpq_url(database_url), **_CONNECTING) as connection:
        while True:
            connection.execute(_LISTEN)
            connection.execute(_LISTEN_TO_ITEMS)
            yield
            for _ in connection.notifies(timeout=QUIET_SECONDS):
                yield
