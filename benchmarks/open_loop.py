"""Requests that are due at a steady rate, whatever became of those before, over open connections.

A request that finds no connection free waits for one, and its time counts from when it was due.
"""

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus

import httptools
import uvloop

from domain.errors import StackError

_LATE_SECONDS = 10.0
"""What is not answered so long after the last was due counts as failed."""
_SHED = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)
_TICK_SECONDS = 0.001
_AT_ONCE = 100
"""So many connections are opened at the same time."""


@dataclass(frozen=True, slots=True)
class Due:
    """A request as it is sent, and of which sort it is."""

    sort: str
    content: bytes


@dataclass(slots=True)
class Outcomes:
    """What became of all requests."""

    milliseconds: dict[str, list[float]] = field(default_factory=dict)
    """Of those answered well, by sort, from when they were due."""
    shed: int = 0
    """Refused with 429 or 503."""
    failed: int = 0
    """Answered with another error, or not at all."""

    def note(self, sort: str, milliseconds: float, status: int) -> None:
        """An answer has come."""
        if status in _SHED:
            self.shed += 1
        elif status >= HTTPStatus.BAD_REQUEST:
            self.failed += 1
        else:
            self.milliseconds.setdefault(sort, []).append(milliseconds)


def send_at_rate(
    port: int, requests: Sequence[Due], *, connections: int, per_second: float
) -> Outcomes:
    """Send each request when it is due; what became of them.

    StackError if the connections cannot be opened.
    """
    return uvloop.run(_Loop(port, requests, connections, per_second).run())


@dataclass(slots=True)
class _Loop:
    port: int
    requests: Sequence[Due]
    connections: int
    per_second: float
    outcomes: Outcomes = field(default_factory=Outcomes)
    free: deque["_Client"] = field(default_factory=deque)
    waiting: deque[tuple[Due, float]] = field(default_factory=deque)
    answered: int = 0
    opened: list["_Client"] = field(default_factory=list)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    has_reported: bool = False

    async def run(self) -> Outcomes:
        await self._open()
        began = time.perf_counter()
        sent = 0
        while sent < len(self.requests):
            now = time.perf_counter()
            while sent < len(self.requests) and began + sent / self.per_second <= now:
                self._send(self.requests[sent], began + sent / self.per_second)
                sent += 1
            await asyncio.sleep(_TICK_SECONDS)
        if self.answered < sent:
            with suppress(TimeoutError):
                await asyncio.wait_for(self.ended.wait(), _LATE_SECONDS)
        self.outcomes.failed += sent - self.answered
        self.has_reported = True
        for client in self.opened:
            client.close()
        return self.outcomes

    async def _open(self) -> None:
        for begin in range(0, self.connections, _AT_ONCE):
            count = min(_AT_ONCE, self.connections - begin)
            try:
                await asyncio.gather(*(self._opened_one() for _ in range(count)))
            except OSError as error:
                raise StackError(f"A connection could not be opened: {error}") from error

    async def _opened_one(self) -> None:
        loop = asyncio.get_running_loop()
        _, client = await loop.create_connection(partial(_Client, self), "127.0.0.1", self.port)
        self.opened.append(client)
        self.free.append(client)

    def _send(self, request: Due, due_at: float) -> None:
        if self.free:
            # The one that was used the longest ago: all of them stay in use.
            self.free.popleft().ask(request, due_at)
        else:
            self.waiting.append((request, due_at))

    def note_answer(self, client: "_Client", request: Due, due_at: float, status: int) -> None:
        self._count()
        self.outcomes.note(request.sort, 1000 * (time.perf_counter() - due_at), status)
        if client.is_closed:
            return
        if self.waiting:
            client.ask(*self.waiting.popleft())
        else:
            self.free.append(client)

    def note_closed(self, client: "_Client", asked: tuple[Due, float] | None) -> None:
        if self.has_reported:
            return
        if asked is not None:
            self._count()
            self.outcomes.failed += 1
        elif client in self.free:
            self.free.remove(client)

    def _count(self) -> None:
        self.answered += 1
        if self.answered == len(self.requests):
            self.ended.set()


class _Client(asyncio.Protocol):
    """One connection."""

    def __init__(self, loop: _Loop) -> None:
        self._loop = loop
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport
        self._asked: tuple[Due, float] | None = None
        self.is_closed = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._transport = transport

    def ask(self, request: Due, due_at: float) -> None:
        self._asked = (request, due_at)
        self._transport.write(request.content)

    def close(self) -> None:
        self._transport.close()

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        if self._asked is not None:
            asked, self._asked = self._asked, None
            self.is_closed = not self._parser.should_keep_alive()
            self._loop.note_answer(self, *asked, self._parser.get_status_code())

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 -- the interface
        self.is_closed = True
        self._loop.note_closed(self, self._asked)
        self._asked = None
