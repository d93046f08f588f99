"""The API as a server in a thread: real HTTP, without the start of another Python."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import pytest
import uvicorn

from serving.__main__ import server_config
from serving.app import create_app
from serving.server.workers import listen
from serving.settings import ServingSettings
from tests.waiting import wait_until

ServeApi = Callable[..., int]
"""Starts a server with settings by their names; answers its port."""


@contextmanager
def threaded_api(database_url: str, redis_url: str, **settings: Any) -> Iterator[int]:
    """The port of a server that is ready, for the time of the block."""
    # Time is short only where a test is about it: the machine may be busy.
    usual: dict[str, Any] = {
        "api_header_seconds": 600,
        "request_budget_seconds": 20,
        "postgres_silence_seconds": 20,
        # The address of every test is the same one.
        "limit_address_per_minute": 0,
    }
    stores = {"database_url": database_url, "redis_url": redis_url}
    given = ServingSettings(**{**usual, **settings, **stores})
    with listen("127.0.0.1", 0) as listener:
        server = uvicorn.Server(server_config(given, partial(create_app, given)))
        thread = threading.Thread(target=server.run, args=([listener],), name="api")
        thread.start()
        try:
            wait_until(lambda: server.started or not thread.is_alive(), seconds=300)
            assert server.started
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join(60)
            assert not thread.is_alive()


@pytest.fixture
def serve_api(database_url: str, redis_url: str) -> Iterator[ServeApi]:
    """Starts a server on the test's stores."""
    with ExitStack() as stack:
        yield lambda **settings: stack.enter_context(
            threaded_api(database_url, redis_url, **settings)
        )
