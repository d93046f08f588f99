"""One recommendation: from the cache, from a run, or the best there still is."""

import time
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime

from domain.blend import BlendPolicy
from domain.errors import StoreUnavailableError
from domain.identifiers import UserId, UserNo
from serving.metrics import ServingMetrics
from serving.repositories.answers import Answers, Stamp
from serving.repositories.impressions import Impression
from serving.repositories.runs import LiveRun
from serving.services.held_popular import HeldPopular
from serving.services.impression_queue import ImpressionQueue
from serving.services.list_making import ListMaker, Wish
from serving.services.live_runs import LiveRuns
from serving.services.made_list import MadeList, Source
from serving.services.single_flight import SingleFlight
from serving.services.user_numbers import UserNumbers


@dataclass(frozen=True, slots=True)
class Recommendation:
    """One answer to one request."""

    recommendation_id: uuid.UUID
    made: MadeList
    source: Source
    generated_at: datetime
    generation_ms: float


@dataclass(frozen=True, slots=True)
class _Found:
    made: MadeList
    source: Source
    user_no: UserNo | None


class Recommender:
    """Answers requests for recommendations."""

    def __init__(
        self,
        *,
        live_runs: LiveRuns,
        lists: ListMaker,
        users: UserNumbers,
        answers: Answers,
        held: HeldPopular,
        impressions: ImpressionQueue,
        metrics: ServingMetrics,
        policy: BlendPolicy,
    ) -> None:
        self._live_runs = live_runs
        self._lists = lists
        self._users = users
        self._answers = answers
        self._held = held
        self._impressions = impressions
        self._metrics = metrics
        self._policy = policy
        self._flights: SingleFlight[MadeList] = SingleFlight()

    async def recommend(self, user_id: UserId, wish: Wish) -> Recommendation:
        """The best list for a user; StoreUnavailableError only if there is none whatever."""
        started = time.perf_counter()
        found = await self._best(user_id, wish)
        recommendation = Recommendation(
            recommendation_id=uuid.uuid4(),
            made=found.made,
            source=found.source,
            generated_at=datetime.now(UTC),
            generation_ms=round((time.perf_counter() - started) * 1000, 3),
        )
        self._note(recommendation, found.user_no)
        return recommendation

    async def _best(self, user_id: UserId, wish: Wish) -> _Found:
        try:
            return await self._live_runs.reading(lambda run: self._of_run(run, user_id, wish))
        except StoreUnavailableError:
            made = self._held.top(wish.limit)
            return _Found(made, made.level, None)

    async def _of_run(self, run: LiveRun | None, user_id: UserId, wish: Wish) -> _Found:
        user_no = await self._users.find(user_id)
        if user_no is None:
            made = await self._lists.make(run, None, wish)
            return _Found(made, made.level, None)
        field = _field(run, wish, self._policy)
        kept, stamp = await self._answers.find(user_no, field)
        self._metrics.cache.labels("miss" if kept is None else "hit").inc()
        if kept is not None:
            return _Found(MadeList.decode(kept), "cache", user_no)
        # With the stamp in the key, who asks after an event never gets what was read before it.
        made = await self._flights.run(
            (user_no, field, stamp), lambda: self._make(run, user_no, wish, field, stamp)
        )
        return _Found(made, made.level, user_no)

    async def _make(
        self, run: LiveRun | None, user_no: UserNo, wish: Wish, field: str, stamp: Stamp
    ) -> MadeList:
        made = await self._lists.make(run, user_no, wish)
        await self._answers.store(user_no, field, made.encode(), stamp)
        return made

    def _note(self, recommendation: Recommendation, user_no: UserNo | None) -> None:
        self._metrics.answers.labels(recommendation.source).inc()
        made = recommendation.made
        self._impressions.put(
            Impression(
                recommendation_id=recommendation.recommendation_id,
                user_no=user_no,
                run_id=made.run.run_id if made.run else None,
                source=recommendation.source,
                item_nos=[item.item_no for item in made.items],
                shown_at=recommendation.generated_at,
            )
        )


def _field(run: LiveRun | None, wish: Wish, policy: BlendPolicy) -> str:
    """The name of a cached answer: the run and all that changes the list."""
    blend = (policy.policy, policy.batch_weight, policy.sharpness, policy.half_life_events)
    parts = (run.run_id if run else None, wish.limit, wish.exclude_seen, wish.explain, *blend)
    return ":".join(map(str, parts))
