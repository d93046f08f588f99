"""Signs of life of a server: they tell one that is slow from one that does not answer at all."""

import asyncio
import time
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine

from serving.runtime.budget import Budget
from serving.runtime.tasks import AbandonedTasks, end, ignore_result
from sql.engine import AWAY_ERRORS
from sql.statements import statements

_SERVING = statements("serving")

_HELD_UP_SECONDS = 0.05
"""A timer that rings so late tells that this process was held up: the sign may be there unread."""
_DEAD_SECONDS = 2.0
"""A question that is not answered for so long is put again on a new connection."""


class Pulse:
    """Waits for answers as long as there is time, but no longer than the server is silent.

    Any answer is a sign of life. While an answer is late the server is asked for nothing else but
    a sign, on a connection of its own.
    """

    def __init__(self, engine: AsyncEngine, *, silence_seconds: float) -> None:
        self._engine = engine
        self._silence_seconds = silence_seconds
        self._last = time.monotonic()
        self._asked_at = self._last
        self._asking: asyncio.Task[None] | None = None
        self._abandoned = AbandonedTasks()

    def beat(self) -> None:
        """The server has answered something."""
        self._last = time.monotonic()

    async def wait(self, answer: "asyncio.Future[Any]", budget: Budget) -> None:
        """Return when there is the answer, or time or hope is over."""
        began = time.monotonic()
        piece = self._silence_seconds / 2
        await asyncio.wait({answer}, timeout=min(piece, budget.left()))
        while not answer.done() and budget.left():
            self.feel()
            due = time.monotonic() + piece
            await asyncio.wait({answer}, timeout=min(piece, budget.left()))
            now = time.monotonic()
            was_held_up = now > due + _HELD_UP_SECONDS
            if not was_held_up and now - max(self._last, began) >= self._silence_seconds:
                return

    def feel(self) -> None:
        """Ask for a sign of life, if nobody has asked yet."""
        if self._asking is not None and not self._asking.done():
            if time.monotonic() < self._asked_at + _DEAD_SECONDS:
                return
            self._abandoned.add(self._asking)
        self._asked_at = time.monotonic()
        self._asking = ignore_result(asyncio.create_task(self._ask()))

    async def close(self) -> None:
        """Close the connection."""
        if self._asking is not None:
            await end(self._asking)
        await self._engine.dispose()

    async def _ask(self) -> None:
        try:
            async with self._engine.connect() as connection:
                await connection.execute(_SERVING["probe"])
        except AWAY_ERRORS:
            return
        self.beat()
