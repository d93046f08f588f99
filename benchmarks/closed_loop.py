"""Requests over a few connections, each with one under way: the next goes out with the answer."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from itertools import cycle

import httptools
import uvloop

from domain.errors import StackError

_LONGEST_SECONDS = 300.0


def get_requests(port: int, paths: Sequence[str], key: str) -> list[bytes]:
    """GET requests as they are sent, by the key."""
    head = f"Host: 127.0.0.1:{port}\r\nAccept: */*\r\nX-API-Key: {key}\r\n\r\n"
    return [f"GET {path} HTTP/1.1\r\n{head}".encode() for path in paths]


def post_requests(port: int, path: str, bodies: Sequence[bytes], key: str) -> list[bytes]:
    """POST requests with JSON as they are sent, by the key."""
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nX-API-Key: {key}\r\n"
    head += "Content-Type: application/json\r\nContent-Length: "
    return [f"{head}{len(body)}\r\n\r\n".encode() + body for body in bodies]


def requests_a_second(
    port: int, requests: Sequence[bytes], *, connections: int, count: int
) -> float:
    """How many of `count` requests, taken in turn, are answered in a second.

    StackError if any is not answered well.
    """
    return uvloop.run(_Loop(port, [cycle(requests)] * connections, count).run())


def each_once_a_second(port: int, requests: Sequence[Sequence[bytes]]) -> float:
    """How many requests are answered in a second; each of the lists is sent by one connection.

    StackError if any is not answered well.
    """
    return uvloop.run(_Loop(port, list(map(iter, requests)), sum(map(len, requests))).run())


@dataclass(slots=True)
class _Loop:
    port: int
    requests: Sequence[Iterator[bytes]]
    """Of each connection."""
    count: int
    sent: int = 0
    answered: int = 0
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    failure: str | None = None

    async def run(self) -> float:
        loop = asyncio.get_running_loop()
        clients = [
            (await loop.create_connection(partial(_Client, self, own), "127.0.0.1", self.port))[1]
            for own in self.requests
        ]
        began_at = time.perf_counter()
        for client in clients:
            client.ask()
        try:
            async with asyncio.timeout(_LONGEST_SECONDS):
                await self.ended.wait()
        except TimeoutError:
            self.fail(f"{self.answered} of {self.count} were answered in {_LONGEST_SECONDS:g} s.")
        seconds = time.perf_counter() - began_at
        for client in clients:
            client.close()
        if self.failure is not None:
            raise StackError(self.failure)
        return self.count / seconds

    def next_request(self, requests: Iterator[bytes]) -> bytes | None:
        if self.sent >= self.count:
            return None
        request = next(requests, None)
        self.sent += request is not None
        return request

    def note_answer(self) -> None:
        self.answered += 1
        if self.answered >= self.count:
            self.ended.set()

    def fail(self, failure: str) -> None:
        self.failure = self.failure or failure
        self.ended.set()


class _Client(asyncio.Protocol):
    """One connection."""

    def __init__(self, loop: _Loop, requests: Iterator[bytes]) -> None:
        self._loop = loop
        self._requests = requests
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._transport = transport

    def ask(self) -> None:
        request = self._loop.next_request(self._requests)
        if request is not None:
            self._transport.write(request)

    def close(self) -> None:
        self._transport.close()

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        status = self._parser.get_status_code()
        if status >= HTTPStatus.BAD_REQUEST:
            self._loop.fail(f"A request was answered with {status}.")
            return
        self._loop.note_answer()
        self.ask()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._loop.ended.is_set():
            self._loop.fail(f"A connection was closed: {exc}")
