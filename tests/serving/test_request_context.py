"""What is set for one request, as its id in the log and its time are, is not there for the next."""

import socket
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from serving.__main__ import server_config
from serving.runtime.metrics import ServingMetrics
from serving.server.refusing import ConnectionLimits, Edge
from serving.settings import ServingSettings
from tests.serving.raw import connected

_SEEN: ContextVar[str] = ContextVar("seen", default="nothing")
_LIMITS = ConnectionLimits(
    header_bytes=65_536,
    header_seconds=60,
    connections=10,
    send_seconds=60,
    dropped_bytes=1_000,
    dropped_seconds=1,
)


def _app() -> Starlette:
    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[dict[str, Any]]:
        yield {"edge": Edge(_LIMITS, ServingMetrics())}

    async def seen(request: Request) -> PlainTextResponse:
        before = _SEEN.get()
        _SEEN.set(request.url.path)
        return PlainTextResponse(before)

    return Starlette(routes=[Route("/{path}", seen)], lifespan=lifespan)


def test_a_request_sees_nothing_of_those_before_it_on_its_connection() -> None:
    settings = ServingSettings(database_url="postgresql://x", redis_url="redis://x")
    server = uvicorn.Server(server_config(settings, _app))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = int(listener.getsockname()[1])
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        try:
            with connected(port) as raw:
                asked = b"".join(b"GET /n%d HTTP/1.1\r\nHost: x\r\n\r\n" % n for n in range(3))
                raw.send(asked)
                bodies = [raw.answer().body for _ in range(3)]
                raw.send(asked)
                bodies += [raw.answer().body for _ in range(3)]
        finally:
            server.should_exit = True
            thread.join()
    assert bodies == [b"nothing"] * 6
