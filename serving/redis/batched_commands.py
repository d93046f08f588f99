"""Commands of many requests on one connection to Redis, a batch at a time.

A command on a connection of its own costs more than all else a cached answer takes. Here commands
wait while a batch is under way, and go out together when it is answered.
"""

import asyncio
import math
from collections.abc import Callable, Sequence
from contextvars import Context
from typing import Any

import hiredis
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import RedisError, ResponseError

from serving.runtime.tasks import end

_Waiting = tuple[Sequence[Any], "asyncio.Future[tuple[Any, Any] | None]"]


class BatchedCommands:
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
        self._waiting: list[_Waiting] = []
        self._woken = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._connection: AbstractConnection | None = None

    async def ask(self, command: Sequence[Any]) -> tuple[Any, Any] | None:
        """The reply, and a reply to `last` that was read after it; None: there is none in time."""
        future = asyncio.get_running_loop().create_future()
        self._waiting.append((command, future))
        self._woken.set()
        if self._task is None:
            # Neither the time nor the id of the request that happens to begin it are its own.
            self._task = asyncio.create_task(self._forever(), name="batches", context=Context())
        found: tuple[Any, Any] | None = await future
        return found

    async def close(self) -> None:
        """Close the connection; nobody may ask any more."""
        if self._task is not None:
            await end(self._task)
        await self._disconnect()

    async def _forever(self) -> None:
        while True:
            await self._woken.wait()
            self._woken.clear()
            batch, self._waiting = self._waiting, []
            try:
                async with asyncio.timeout(self._timeout_seconds):
                    replies = await self._replies([command for command, _ in batch])
            except (RedisError, OSError):
                # What still comes of this batch must not be taken for the answers of the next.
                await self._disconnect()
                replies = [None] * len(batch)
            except BaseException:
                _answer(batch, [None] * len(batch))
                raise
            _answer(batch, replies)

    async def _replies(self, commands: Sequence[Sequence[Any]]) -> list[tuple[Any, Any] | None]:
        if self._connection is None:
            self._connection = self._make_connection()
            await self._connection.connect()  # type: ignore[no-untyped-call]
        connection = self._connection
        packed = [*(hiredis.pack_command(tuple(command)) for command in commands), self._last]
        await connection.send_packed_command(b"".join(packed), check_health=False)
        *replies, last = [await _reply(connection) for _ in range(len(commands) + 1)]
        return [None if isinstance(reply, Exception) else (reply, last) for reply in replies]

    async def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.disconnect(nowait=True)


async def _reply(connection: AbstractConnection) -> Any:
    try:
        return await connection.read_response(timeout=math.inf)
    except ResponseError as error:
        return error


def _answer(batch: Sequence[_Waiting], replies: Sequence[tuple[Any, Any] | None]) -> None:
    for (_, future), reply in zip(batch, replies, strict=True):
        if not future.done():
            future.set_result(reply)
