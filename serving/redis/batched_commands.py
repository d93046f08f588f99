"""Commands of many requests on one connection to Redis, a batch at a time.

A command on a connection of its own costs more than all else a cached answer takes. Here commands
wait while a batch is under way, and go out together when it is answered.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextvars import Context
from typing import Any

import hiredis
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import RedisError

from serving.runtime.tasks import end

Reply = tuple[Any, Any]
"""That of a command, and that of the last command of its batch."""

_NOTHING_YET = object()


class BatchedCommands(asyncio.Protocol):
    """Asks Redis for many at once; whoever gets no answer in time gets None, and asks otherwise."""

    def __init__(
        self,
        make_connection: Callable[[], AbstractConnection],
        *,
        last: Sequence[Any],
        timeout_seconds: float,
    ) -> None:
        """`last`: a command that ends each batch; its reply is given with every other."""
        self._make_connection = make_connection
        self._last = hiredis.pack_command(tuple(last))
        self._timeout_seconds = timeout_seconds
        self._waiting: list[tuple[bytes, asyncio.Future[Reply | None]]] = []
        self._asked: list[asyncio.Future[Reply | None]] = []
        self._replies: list[Any] = []
        self._reader = hiredis.Reader(notEnoughData=_NOTHING_YET)
        self._connection: AbstractConnection | None = None
        self._transport: asyncio.WriteTransport | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._deadline: asyncio.TimerHandle | None = None

    async def ask(self, command: Sequence[Any]) -> Reply | None:
        """The reply, and a reply to `last` that was read after it; None: there is none in time."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Reply | None] = loop.create_future()
        self._waiting.append((hiredis.pack_command(tuple(command)), future))
        if self._transport is not None:
            # Whoever else asks in this turn of the loop goes along.
            if len(self._waiting) == 1 and not self._asked:
                loop.call_soon(self._send)
        elif self._connecting is None:
            # Neither the time nor the id of the request that happens to begin it are its own.
            self._connecting = asyncio.create_task(self._connect(), context=Context())
        return await future

    async def close(self) -> None:
        """Close the connection; nobody may ask any more."""
        if self._connecting is not None:
            await end(self._connecting)
        self._give_up()

    def data_received(self, data: bytes) -> None:
        """Take what Redis has replied; when that is all, the next batch goes out."""
        self._reader.feed(data)
        try:
            while (reply := self._reader.gets()) is not _NOTHING_YET:
                self._replies.append(reply)
        except hiredis.ProtocolError:
            self._give_up()
            return
        if len(self._replies) > len(self._asked):
            self._answer()
            self._send()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 -- whatever it is
        """Nothing more comes."""
        self._give_up()

    async def _connect(self) -> None:
        """Connect as the client does: it knows how Redis is reached, and by which password."""
        connection = self._connection = self._make_connection()
        try:
            async with asyncio.timeout(self._timeout_seconds):
                await connection.connect()  # type: ignore[no-untyped-call]
        except (RedisError, OSError):
            self._give_up()
        else:
            writer: asyncio.StreamWriter = connection._writer  # type: ignore[assignment] # noqa: SLF001 -- there is no other way
            self._transport = writer.transport
            self._transport.set_protocol(self)
            self._send()
        finally:
            self._connecting = None

    def _send(self) -> None:
        if self._asked or not self._waiting or self._transport is None:
            return
        batch, self._waiting = self._waiting, []
        self._asked = [future for _, future in batch]
        self._transport.write(b"".join([*(packed for packed, _ in batch), self._last]))
        loop = asyncio.get_running_loop()
        self._deadline = loop.call_later(self._timeout_seconds, self._give_up)

    def _answer(self) -> None:
        (*replies, last), self._replies = self._replies, []
        asked, self._asked = self._asked, []
        if self._deadline is not None:
            self._deadline.cancel()
        for future, reply in zip(asked, replies, strict=True):
            if not future.done():
                future.set_result(None if isinstance(reply, Exception) else (reply, last))

    def _give_up(self) -> None:
        """Close the connection: what still comes must not be taken for the reply to another."""
        if self._deadline is not None:
            self._deadline.cancel()
        transport, self._transport = self._transport, None
        if transport is not None:
            # That it is lost says nothing of the next connection.
            transport.set_protocol(asyncio.Protocol())
            transport.abort()
        connection, self._connection = self._connection, None
        if connection is not None:
            connection._close()  # type: ignore[no-untyped-call] # noqa: SLF001 -- nobody can wait here
        self._replies, self._reader = [], hiredis.Reader(notEnoughData=_NOTHING_YET)
        futures = [*self._asked, *(future for _, future in self._waiting)]
        self._asked, self._waiting = [], []
        for future in futures:
            if not future.done():
                future.set_result(None)
