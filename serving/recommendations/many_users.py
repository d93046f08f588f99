"""Lists for many users in one call, as for mails."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from domain.errors import StoreUnavailableError, TandemError
from domain.identifiers import UserId
from serving.runtime.budget import Budget, spending

Answer = TypeVar("Answer")

AT_ONCE = 4
"""So many of these lists are made at once by a process, for whoever asks: others come first."""

_TOO_LATE = "There was no time left for this user. Ask again for those without a list."


@dataclass(eq=False, slots=True)
class ManyUsers:
    """Answers for many users, a few at a time, and each in a time of its own."""

    read_seconds: float
    """What one answer may take."""
    seconds: float
    """What all answers of one call may take."""
    _slots: asyncio.Semaphore = field(
        default_factory=lambda: asyncio.Semaphore(AT_ONCE), init=False
    )

    async def each(
        self, user_ids: Sequence[UserId], answer: Callable[[UserId], Awaitable[Answer]]
    ) -> list[Answer | TandemError]:
        """The answer for each user, in their order, or why there is none."""
        ends_at = time.monotonic() + self.seconds
        return await asyncio.gather(*(self._one(user_id, answer, ends_at) for user_id in user_ids))

    async def _one(
        self, user_id: UserId, answer: Callable[[UserId], Awaitable[Answer]], ends_at: float
    ) -> Answer | TandemError:
        try:
            async with asyncio.timeout(ends_at - time.monotonic()):
                await self._slots.acquire()
        except TimeoutError:
            return StoreUnavailableError(_TOO_LATE, reason="budget")
        try:
            left = ends_at - time.monotonic()
            if left <= 0.0:
                return StoreUnavailableError(_TOO_LATE, reason="budget")
            # Late ones must not look like an outage to others.
            seconds = min(self.read_seconds, left)
            with spending(Budget.of("reads", seconds, counts_as_failure=False)):
                return await answer(user_id)
        except TandemError as error:
            return error
        finally:
            self._slots.release()
