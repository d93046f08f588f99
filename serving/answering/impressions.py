"""What was shown, written behind the answers, many at a time."""

import asyncio
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import orjson
import structlog
from sqlalchemy.exc import DataError, IntegrityError

from domain.errors import StoreUnavailableError
from domain.identifiers import ItemNo, RunId, UserId, UserNo
from serving.answering.kept_context import KeptContext
from serving.answering.pipeline import Answer
from serving.lists.decision import Decision
from serving.postgres.store import WriteStore
from serving.runtime.metrics import ServingMetrics
from sql.statements import statements

log = structlog.get_logger()

_REFUSALS = (DataError, IntegrityError, orjson.JSONEncodeError)
"""Errors of what is written, not of the statement: that would refuse every row."""
_SERVING = statements("serving")
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Dropped:
    """Impressions that were lost since the process began."""

    impressions: int = 0
    """All of them."""
    refused: int = 0
    """Those the store refused, whatever was tried."""
    last_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Impression:
    """One answer, as it was given."""

    recommendation_id: uuid.UUID
    user_no: UserNo | None
    """None: a user the log has never seen."""
    run_id: RunId | None
    source: str
    item_nos: Sequence[ItemNo]
    explored: Sequence[ItemNo]
    """Those that were in the list to become known."""
    shown_at: datetime
    placement: str | None = None
    """None: it was for no placement."""
    placement_version: int | None = None
    experiment_id: str | None = None
    arm: str | None = None
    """Of the experiment."""
    user_id: UserId | None = None
    """Of an experiment: who counts in it, known to the log or not."""
    context: Mapping[str, str] | None = None
    """Where it was shown, as the request says; of what is written it is what is kept."""
    adds_context: bool = True
    """Whether it is kept though nobody has said it before."""


def impression_of(
    recommendation_id: uuid.UUID,
    answer: Answer[Any],
    decision: Decision | None = None,
    user_id: UserId | None = None,
    *,
    explored: Sequence[ItemNo] = (),
    shown_at: datetime | None = None,
) -> Impression:
    """An answer as it was given to `user_id`; its list has `items` and a `run`.

    `decision`: for its placement; None: for none. `shown_at`: None: now.
    """
    result = answer.result
    return Impression(
        recommendation_id=recommendation_id,
        user_no=answer.user_no,
        run_id=result.run.run_id if result.run else None,
        source=answer.source,
        item_nos=[item.item_no for item in result.items],
        explored=explored,
        shown_at=shown_at or datetime.now(UTC),
        placement=decision.placement if decision else None,
        placement_version=decision.version if decision else None,
        experiment_id=decision.experiment_id if decision else None,
        arm=decision.arm if decision else None,
        user_id=user_id if decision and decision.experiment_id else None,
        context=decision.context if decision else None,
        adds_context=decision is None or decision.adds_context,
    )


class Impressions:
    """Writes impressions."""

    def __init__(self, store: WriteStore) -> None:
        self._store = store

    async def store_impressions(self, shown: Sequence[Impression]) -> list[Impression]:
        """Write all but those of users forgotten since; what is there already stays as it is.

        Answers those that the database refuses for what is in them, found by halving.
        StoreUnavailableError when it is away: then all may be written again.
        """
        try:
            await self._write(shown)
        except _REFUSALS as error:
            if len(shown) == 1:
                log.warning(
                    "impression_refused",
                    recommendation_id=str(shown[0].recommendation_id),
                    error=str(error).partition("\n")[0],
                )
                return [*shown]
        else:
            return []
        half = len(shown) // 2
        refused = await self.store_impressions(shown[:half])
        return [*refused, *await self.store_impressions(shown[half:])]

    async def _write(self, shown: Sequence[Impression]) -> None:
        parameters = {"shown": orjson.dumps(shown).decode()}
        await self._store.write(_SERVING["store_impressions"], parameters)


class ImpressionQueue:
    """Takes impressions at once and writes them later; those it has no room for are counted."""

    def __init__(
        self,
        impressions: Impressions,
        metrics: ServingMetrics,
        *,
        most: int,
        kept_context: KeptContext | None = None,
    ) -> None:
        self._impressions = impressions
        self._kept_context = kept_context or KeptContext()
        self._metrics = metrics
        self._queue: asyncio.Queue[Impression] = asyncio.Queue(maxsize=most)
        self._dropped = Dropped()
        self._writing = asyncio.Lock()

    def dropped(self) -> Dropped:
        """What was lost so far."""
        return self._dropped

    def put(self, impression: Impression) -> None:
        """Take an impression; never waits."""
        if impression.context is not None:
            impression = replace(impression, context=self._kept_context.of(impression.context))
        try:
            self._queue.put_nowait(impression)
        except asyncio.QueueFull:
            self._drop(1)

    async def flush(self) -> None:
        """Write all there is; what cannot be written stays, as far as there is room.

        When this returns what others were writing is written too.
        """
        async with self._writing:
            await self._flush()

    async def _flush(self) -> None:
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
