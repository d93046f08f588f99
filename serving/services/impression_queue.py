"""What was shown, written behind the answers."""

import asyncio
from datetime import UTC, datetime

from domain.errors import StoreUnavailableError
from serving.repositories.impressions import Impression, Impressions
from serving.runtime.metrics import ServingMetrics
from serving.services.diagnosis.process import Dropped

_AT_ONCE = 500


class ImpressionQueue:
    """Takes impressions at once and writes them later; those it has no room for are counted."""

    def __init__(self, impressions: Impressions, metrics: ServingMetrics, *, most: int) -> None:
        self._impressions = impressions
        self._metrics = metrics
        self._queue: asyncio.Queue[Impression] = asyncio.Queue(maxsize=most)
        self._dropped = Dropped()

    def dropped(self) -> Dropped:
        """What was lost so far."""
        return self._dropped

    def put(self, impression: Impression) -> None:
        """Take an impression; never waits."""
        try:
            self._queue.put_nowait(impression)
        except asyncio.QueueFull:
            self._drop(1)

    async def flush(self) -> None:
        """Write all there is; what cannot be written stays, as far as there is room."""
        while not self._queue.empty():
            count = min(self._queue.qsize(), _AT_ONCE)
            batch = [self._queue.get_nowait() for _ in range(count)]
            try:
                refused = await self._impressions.store_impressions(batch)
            except BaseException:
                for impression in batch:
                    self.put(impression)
                raise
            self._refuse(len(refused))

    async def flush_for_good(self) -> None:
        """Write all there is at shutdown; what cannot be written now is lost and counted."""
        try:
            await self.flush()
        except StoreUnavailableError:
            self._drop(self._queue.qsize())

    def _refuse(self, count: int) -> None:
        """Lose those the store will never take, so that they do not keep the others waiting."""
        if count:
            self._metrics.impressions_refused.inc(count)
            self._drop(count, refused=count)

    def _drop(self, count: int, *, refused: int = 0) -> None:
        self._metrics.impressions_dropped.inc(count)
        lost, of_store = self._dropped.impressions + count, self._dropped.refused + refused
        self._dropped = Dropped(lost, of_store, datetime.now(UTC))
