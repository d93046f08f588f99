"""What an answer looks like on the wire: as uvicorn writes it, but for when the head goes out."""

import asyncio
import itertools
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qsl

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from serving.server.answer_cycle import AnswerCycle
from tests.waiting import wait_until

_HEADERS: dict[str, list[tuple[bytes, bytes]]] = {
    "none": [],
    "length": [(b"Content-Length", b"6"), (b"X-A", b"b c")],
    "chunked": [(b"Transfer-Encoding", b"chunked")],
    "close": [(b"content-length", b"6"), (b"Connection", b"keep-alive , Close")],
    "bad name": [(b"x a", b"b")],
    "bad value": [(b"x-a", b"b\r\nx-c: d")],
    "too short": [(b"content-length", b"7")],
    "too long": [(b"content-length", b"5")],
}
_PARTS: dict[str, list[bytes]] = {
    "whole": [b"abcdef"],
    "in parts": [b"abc", b"def"],
    "empty parts": [b"", b"abcdef", b""],
}


def _is_wrong(method: str, status: int, headers: str) -> bool:
    """Whether an app must not answer so; a body after 304 without a length is too long, too."""
    if method == "HEAD":
        return headers.startswith("bad")
    return headers in {"bad name", "bad value", "too short", "too long"} or (
        headers == "none" and status == 304
    )


class _OurProtocol(HttpToolsProtocol):
    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        self.cycle.__class__ = AnswerCycle


class _App:
    """Answers what the query asks for; a path `/held` waits between head and body."""

    def __init__(self) -> None:
        self.released = threading.Event()

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        asked = dict(parse_qsl(scope["query_string"].decode()))
        headers, parts = _HEADERS[asked["headers"]], _PARTS[asked["parts"]]
        status = int(asked["status"])
        await send({"type": "http.response.start", "status": status, "headers": headers})
        if scope["path"] == "/held":
            await asyncio.to_thread(self.released.wait)
        for index, part in enumerate(parts):
            more = index + 1 < len(parts)
            await send({"type": "http.response.body", "body": part, "more_body": more})


@contextmanager
def _served(protocol: type[HttpToolsProtocol], app: Any) -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(
            app, loop="uvloop", http=protocol, lifespan="off", log_config=None, date_header=False
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        wait_until(lambda: server.started)
        try:
            yield int(listener.getsockname()[1])
        finally:
            server.should_exit = True
            thread.join()


@pytest.fixture(scope="module")
def ports() -> Iterator[tuple[int, int]]:
    """Of uvicorn's own protocol and of ours, with one app."""
    app = _App()
    with _served(HttpToolsProtocol, app) as theirs, _served(_OurProtocol, app) as ours:
        yield theirs, ours


def _asked(port: int, request: bytes) -> bytes:
    """All that comes, until the server closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(request)
        return b"".join(iter(lambda: connection.recv(65_536), b""))


@pytest.mark.parametrize("headers", _HEADERS)
@pytest.mark.parametrize("parts", _PARTS)
def test_it_is_what_uvicorn_writes(ports: tuple[int, int], headers: str, parts: str) -> None:
    for method, status, version in itertools.product(
        ("GET", "HEAD"), (200, 202, 304), ("1.0", "1.1")
    ):
        target = f"/?headers={headers}&parts={parts}&status={status}".replace(" ", "+")
        last = f"{method} {target} HTTP/{version}\r\nHost: x\r\nConnection: close\r\n\r\n"
        before = last.replace("Connection: close\r\n", "")
        for request in (last, before + last) if version == "1.1" else (last,):
            theirs, ours = (_asked(port, request.encode()) for port in ports)
            if _is_wrong(method, status, headers):
                # Nothing of an answer that is wrong is sent where it can be told at once.
                assert theirs.startswith(ours) or ours.startswith(b"HTTP/1.1 500"), request
            else:
                assert ours == theirs, request


def test_a_head_waits_for_the_first_part_of_its_body() -> None:
    app = _App()
    with (
        _served(_OurProtocol, app) as port,
        socket.create_connection(("127.0.0.1", port), timeout=60) as connection,
    ):
        connection.sendall(b"GET /held?headers=length&parts=whole&status=200 HTTP/1.1\r\n")
        connection.sendall(b"Host: x\r\n\r\n")
        time.sleep(0.2)
        connection.setblocking(False)
        with pytest.raises(BlockingIOError):
            connection.recv(1)
        app.released.set()
        connection.setblocking(True)
        assert connection.recv(65_536).endswith(b"\r\n\r\nabcdef")
