"""One API for several tests of a file, which leave nothing behind in it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sql.engine import make_engine
from sql.role_names import APP
from stack.local.servers.postgres import PostgresServer
from tests.conftest import cloned_database
from tests.serving.conftest import Seeds
from tests.serving.process import RunningApi, running_api

Shared = tuple[RunningApi, bytes]
"""A server, and a key for everything."""


@contextmanager
def shared_api(
    postgres: PostgresServer, redis_url: str, folder: Path, **settings: object
) -> Iterator[Shared]:
    """An API in a process of its own, on a database of its own."""
    with cloned_database(postgres) as name:
        engine = make_engine(postgres.url(name))
        key = Seeds(engine, []).key("read", "write")
        engine.dispose()
        url = postgres.url(name, APP)
        with running_api(url, redis_url, folder / "api.log", **settings) as api:
            yield api, key.encode()
