"""A hedged read: asking a second source as soon as the first one is late."""

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Generic, Self, TypeVar

from serving.budget import current

Answer = TypeVar("Answer")

_LATE = 0.25
"""The share of the budget after which a request is late."""


class HedgedRead(Generic[Answer]):
    """A read that begins by itself once the request is late, and at once when it is awaited."""

    def __init__(self, read: Callable[[], Awaitable[Answer]]) -> None:
        self._read = read
        self._task: asyncio.Task[Answer] | None = None
        self._timer: asyncio.TimerHandle | None = None

    def __enter__(self) -> Self:
        budget = current()
        if budget is not None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(_LATE * budget.seconds, self._begin)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._task is not None:
            self._task.cancel()

    async def result(self) -> Answer:
        """What was read."""
        return await self._begin()

    def _begin(self) -> asyncio.Task[Answer]:
        if self._task is None:
            self._task = asyncio.create_task(self._reading())
        return self._task

    async def _reading(self) -> Answer:
        return await self._read()
