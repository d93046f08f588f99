"""What must not be shown to a user whose list could not be read in time."""

import asyncio
import time
from contextlib import suppress

from domain.errors import StoreUnavailableError
from domain.identifiers import UserId
from serving.exclusions.exclusion_cache import ExclusionCache
from serving.exclusions.exclusions import ExcludedItems, UserExclusions
from serving.runtime.budget import Budget, spending
from serving.runtime.tasks import AbandonedTasks, ignore_result

_FIRST_SECONDS = 0.25
"""So long PostgreSQL's answer is waited for where Redis has one, too: it knows of bulk loads first.

No longer, as a frozen PostgreSQL must not hold up users whom Redis knows.
"""


class ExclusionLookup:
    """Asks PostgreSQL with patience, and Redis and this process for when it does not answer.

    The read is a cheap one on connections of its own, and behind a breaker of its own: that lists
    take too long does not end it. Once that breaker opens nobody waits any longer.
    """

    def __init__(
        self, exclusion_cache: ExclusionCache, excluded_items: ExcludedItems, *, seconds: float
    ) -> None:
        self._exclusion_cache = exclusion_cache
        self._excluded_items = excluded_items
        self._seconds = seconds
        self._reads: set[asyncio.Task[UserExclusions]] = set()
        self._abandoned = AbandonedTasks()

    async def find(self, user_id: UserId) -> UserExclusions:
        """All that is known of a user; complete if PostgreSQL or Redis gave all there is.

        What Redis takes is part of the patience: where all is slow, nobody waits for one after the
        other.
        """
        began = time.monotonic()
        reading = self._begin(user_id)
        try:
            cached = await self._exclusion_cache.find(user_id)
            patience = _FIRST_SECONDS if cached.complete else self._seconds
            left = began + patience - time.monotonic()
            await asyncio.wait({reading}, timeout=max(left, 0.0))
        finally:
            if not reading.done():
                self._abandoned.add(reading)
        with suppress(StoreUnavailableError, asyncio.CancelledError, asyncio.InvalidStateError):
            return cached | reading.result()
        return cached

    def abandon(self) -> None:
        """Wait for PostgreSQL no longer: it does not answer at all."""
        for reading in tuple(self._reads):
            reading.cancel()

    def _begin(self, user_id: UserId) -> asyncio.Task[UserExclusions]:
        reading = ignore_result(asyncio.create_task(self._read(user_id)))
        self._reads.add(reading)
        reading.add_done_callback(self._reads.discard)
        return reading

    async def _read(self, user_id: UserId) -> UserExclusions:
        with spending(Budget.of("reads", self._seconds)):
            return await self._excluded_items.find_exclusions(user_id)
