"""Lists for many users in one call, as for mails."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from domain.errors import StoreUnavailableError, TandemError
from domain.identifiers import UserId
from serving.lists.request import RecommendationRequest
from serving.recommendations.recommend import Recommendation, Recommender
from serving.runtime.budget import Budget, spending

RequestFor = Callable[[UserId], Awaitable[RecommendationRequest]]

AT_ONCE = 4
"""So many of these lists are made at once by a process, for whoever asks: others come first."""

_TOO_LATE = "There was no time left for this user. Ask again for those without a list."


@dataclass(eq=False, slots=True)
class ManyUsers:
    """Makes lists for many users, none of which is cached: nobody is likely to ask again."""

    recommender: Recommender
    read_seconds: float
    """What one list may take."""
    seconds: float
    """What all lists of one call may take."""
    _slots: asyncio.Semaphore = field(
        default_factory=lambda: asyncio.Semaphore(AT_ONCE), init=False
    )

    async def recommend(
        self, user_ids: Sequence[UserId], request_for: RequestFor
    ) -> list[Recommendation | TandemError]:
        """A list for each user, in their order, or why there is none."""
        ends_at = time.monotonic() + self.seconds
        making = (self._one(user_id, request_for, ends_at) for user_id in user_ids)
        return await asyncio.gather(*making)

    async def _one(
        self, user_id: UserId, request_for: RequestFor, ends_at: float
    ) -> Recommendation | TandemError:
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
                request = await request_for(user_id)
                return await self.recommender.recommend(user_id, request, cached=False)
        except TandemError as error:
            return error
        finally:
            self._slots.release()
