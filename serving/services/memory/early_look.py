"""Looking for what may be needed in the end, as soon as it seems that it will."""

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Generic, Self, TypeVar

from serving.budget import current

Answer = TypeVar("Answer")

_LATE = 0.25
"""The share of the budget after which a request is late."""


class EarlyLook(Generic[Answer]):
    """A look that begins by itself once the request is late, and at once when it is asked for."""

    def __init__(self, look: Callable[[], Awaitable[Answer]]) -> None:
        self._look = look
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

    async def found(self) -> Answer:
        """What was found."""
        return await self._begin()

    def _begin(self) -> asyncio.Task[Answer]:
        if self._task is None:
            self._task = asyncio.create_task(self._looking())
        return self._task

    async def _looking(self) -> Answer:
        return await self._look()
