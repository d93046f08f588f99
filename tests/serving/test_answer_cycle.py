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
    """Answers what the query asks for.

    A path tells what happens between head and body: `/held` waits, `/failing` and `/silent` end
    there, `/reading` asks for the request's body, `/stopping` is what a server does that stops.
    """

    def __init__(self) -> None:
        self.released = threading.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked = dict(parse_qsl(scope["query_string"].decode()))
        headers, parts = _HEADERS[asked["headers"]], _PARTS[asked["parts"]]
        status = int(asked["status"])
        await send({"type": "http.response.start", "status": status, "headers": headers})
        if scope["path"] == "/held":
            await asyncio.to_thread(self.released.wait)
        if scope["path"] == "/failing":
            raise ValueError
        if scope["path"] == "/silent":
            return
        if scope["path"] == "/reading":
            parts = [(await receive())["body"]]
        if scope["path"] == "/stopping":
            send.__self__.keep_alive = False  # type: ignore[attr-defined]
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
                # Where nothing of it was sent yet, the client is told.
                failure = ours.startswith(b"HTTP/1.1 500")
                assert failure or (parts != "whole" and ours and theirs.startswith(ours)), request
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


@pytest.mark.parametrize("path", ["/failing", "/silent"])
@pytest.mark.parametrize("headers", ["none", "length", "chunked"])
def test_an_answer_that_ends_after_its_head_is_told_as_a_failure(
    ports: tuple[int, int], path: str, headers: str
) -> None:
    target = f"{path}?headers={headers}&parts=whole&status=200"
    answer = _asked(ports[1], f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    head, body = answer.split(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 500 ")
    assert b"connection: close" in head
    assert b"transfer-encoding" not in head
    assert body == b"Internal Server Error"


def test_who_waits_to_be_asked_for_a_body_is_asked_though_a_head_was_begun(
    ports: tuple[int, int],
) -> None:
    with socket.create_connection(("127.0.0.1", ports[1]), timeout=60) as connection:
        connection.sendall(b"POST /reading?headers=length&parts=whole&status=200 HTTP/1.1\r\n")
        connection.sendall(b"Host: x\r\nExpect: 100-continue\r\nContent-Length: 6\r\n\r\n")
        assert connection.recv(65_536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"ghijkl")
        assert connection.recv(65_536).endswith(b"\r\n\r\nghijkl")


@pytest.mark.parametrize("headers", ["none", "length"])
def test_a_head_says_close_if_the_server_began_to_stop_after_it_was_begun(
    ports: tuple[int, int], headers: str
) -> None:
    target = f"/stopping?headers={headers}&parts=whole&status=200"
    answer = _asked(ports[1], f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.count(b"connection: close\r\n") == 1
