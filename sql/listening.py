"""Being told of every switch at once, for programs on asyncio and for those that are not."""

from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from typing import Any

import psycopg

from sql.engine import libpq_url
from sql.statements import statements

_LISTEN = str(statements("live")["listen_to_switches"])
_LISTEN_TO_EXCLUSIONS = str(statements("live")["listen_to_exclusions"])
_LISTEN_TO_ITEMS = str(statements("placing")["listen_to_items"])
_EXCLUSIONS = "tandem_exclusions"

QUIET_SECONDS = 30.0
"""After so long without news the connection is tried: a server that is gone says nothing either."""

_CONNECTING: dict[str, Any] = {
    "autocommit": True,
    "connect_timeout": 5,
    # What stands between two machines may drop a quiet connection without a word.
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "application_name": "tandem-listener",
}


async def listen_to_news(database_url: str) -> AsyncGenerator[str | None]:
    """What is told of users' exclusions; None for another run, or that there may be one.

    That is when listening has begun, at every switch, and now and then without one. The connection
    is its own and ends with the iteration. One of `sql.engine.AWAY_ERRORS` is raised when it is
    lost: what happened meanwhile was not told.
    """
    url = libpq_url(database_url)
    async with await psycopg.AsyncConnection.connect(url, **_CONNECTING) as connection:
        while True:
            # Said again after a quiet time, which does no harm and fails if the server is gone.
            await connection.execute(_LISTEN)
            await connection.execute(_LISTEN_TO_EXCLUSIONS)
            yield None
            news = connection.notifies(timeout=QUIET_SECONDS)
            async with aclosing(news):
                async for told in news:
                    yield told.payload if told.channel == _EXCLUSIONS else None


def listen_blocking(database_url: str) -> Iterator[None]:
    """For a thread: yields when it listens, at every switch, at news of items, and now and then."""
    with psycopg.connect(libpq_url(database_url), **_CONNECTING) as connection:
        while True:
            connection.execute(_LISTEN)
            connection.execute(_LISTEN_TO_ITEMS)
            yield
            for _ in connection.notifies(timeout=QUIET_SECONDS):
                yield
