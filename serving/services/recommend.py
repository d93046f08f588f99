"""One recommendation: from the cache, from a run, or the best there still is."""

import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from domain.blend import BlendPolicy
from domain.errors import StoreUnavailableError
from domain.identifiers import UserId, UserNo
from serving.budget import in_time, spending
from serving.metrics import ServingMetrics
from serving.repositories.answers import Answers, Stamp
from serving.repositories.exclusions import Knowledge, RememberedUser
from serving.repositories.impressions import Impression
from serving.repositories.recommendations import Recommendations, UserState
from serving.repositories.runs import LiveRun, same_run
from serving.repositories.shared_answers import SharedAnswers
from serving.services.impression_queue import ImpressionQueue
from serving.services.lists.held_popular import HeldPopular
from serving.services.lists.made_list import REDIS_AWAY, MadeList, Source, degraded_by, fillers
from serving.services.lists.making import ListMaker
from serving.services.lists.meant_categories import MeantCategories
from serving.services.lists.slots import SlotPolicy
from serving.services.lists.wish import Wish
from serving.services.live_runs import LiveRuns
from serving.services.memory.early_look import EarlyLook
from serving.services.memory.exclusion_lookup import ExclusionLookup
from serving.services.memory.remembered_users import RememberedUsers
from serving.services.replica_reading import ReplicaReading, taking
from serving.services.single_flight import SingleFlight
from serving.services.user_numbers import UserNumbers
from serving.services.warming import AskedLately


@dataclass(frozen=True, slots=True)
class Recommendation:
    """One answer to one request."""

    recommendation_id: uuid.UUID
    made: MadeList
    source: Source
    degraded: str | None
    """Why the list is less than it might have been, or takes more to make; None: neither."""
    categories_meant: Mapping[str, str]
    """Of an empty list: categories asked for that no item has, with those that were meant."""
    exclusions: Knowledge
    generated_at: datetime
    generation_ms: float


@dataclass(frozen=True, slots=True)
class _Found:
    made: MadeList
    source: Source
    user_no: UserNo | None
    exclusions: Knowledge = "known"


@dataclass(frozen=True, slots=True)
class _User:
    user_id: UserId
    user_no: UserNo


class Recommender:
    """Answers requests for recommendations."""

    def __init__(
        self,
        *,
        live_runs: LiveRuns,
        lists: ListMaker,
        recommendations: Recommendations,
        users: UserNumbers,
        answers: Answers,
        shared: SharedAnswers,
        held: HeldPopular,
        remembered: RememberedUsers,
        exclusions: ExclusionLookup,
        replica: ReplicaReading,
        impressions: ImpressionQueue,
        metrics: ServingMetrics,
        policy: BlendPolicy,
        slots: SlotPolicy,
        asked: AskedLately,
        categories: MeantCategories,
    ) -> None:
        self._live_runs = live_runs
        self._lists = lists
        self._recommendations = recommendations
        self._users = users
        self._answers = answers
        self._shared = shared
        self._held = held
        self._remembered = remembered
        self._exclusions = exclusions
        self._replica = replica
        self._impressions = impressions
        self._metrics = metrics
        self._policy = policy
        self._slots = slots
        self._asked = asked
        self._categories = categories
        self._flights: SingleFlight[MadeList] = SingleFlight()

    async def recommend(self, user_id: UserId, wish: Wish) -> Recommendation:
        """The best list for a user; StoreUnavailableError only if there is none whatever."""
        started = time.perf_counter()
        found = await self._best(user_id, wish.settled(self._slots))
        recommendation = Recommendation(
            recommendation_id=uuid.uuid4(),
            made=found.made,
            source=found.source,
            degraded=found.made.degraded or (REDIS_AWAY if self._answers.away else None),
            categories_meant=await self._categories.meant(wish.filters, found.made.items),
            exclusions=found.exclusions,
            generated_at=datetime.now(UTC),
            generation_ms=round((time.perf_counter() - started) * 1000, 3),
        )
        self._note(recommendation, found.user_no)
        if found.user_no is not None:
            self._asked.note(user_id, wish)
        return recommendation

    async def prepare(self, run: LiveRun, user_id: UserId, wish: Wish) -> None:
        """Make an answer of a run that is about to be served, and keep it for when it is.

        Nothing is kept where the run does not know all of the user yet, and what is kept goes with
        the user's next event as any answer does: so it is the one that would be made then.
        """
        wish = wish.settled(self._slots)
        user_no = await self._users.find(user_id)
        if user_no is None:
            return
        field = _field(run, wish, self._policy)
        kept, stamp = await self._answers.find(user_no, field)
        since = self._remembered.now
        # Asked after the stamp was taken: a later event voids the stamp.
        if kept is None and await self._recommendations.knows_user(run.run_id, user_no):
            await self._make(run, _User(user_id, user_no), wish, field, stamp, since=since)

    async def _best(self, user_id: UserId, wish: Wish) -> _Found:
        with EarlyLook(lambda: self._exclusions.find(user_id)) as looked_up:
            try:
                return await in_time(
                    self._live_runs.reading(lambda run: self._of_run(run, user_id, wish))
                )
            except StoreUnavailableError as error:
                found = await self._without_store(await looked_up.found(), wish)
                if found.source == "cache":
                    return found
                return replace(found, made=replace(found.made, degraded=degraded_by(error)))

    async def _without_store(self, known: RememberedUser, wish: Wish) -> _Found:
        """The user's cached answer, or the held list without what is remembered of the user."""
        excluded = known.exclusions.of(exclude_seen=wish.exclude_seen)
        if wish.exclude_seen:
            excluded |= self._held.numbers_of(wish.interests.item_ids)
        if known.user_no is not None:
            run = self._live_runs.current or self._held.run
            # The patience with PostgreSQL may have taken all of the budget.
            with spending(None):
                kept, _ = await self._answers.find(known.user_no, _field(run, wish, self._policy))
            cached = MadeList.decode(kept) if kept is not None else None
            if cached and excluded.isdisjoint(item.item_no for item in cached.items):
                return _Found(cached, "cache", known.user_no)
        made = self._held.answer(
            wish.limit, excluded, filters=wish.filters, max_per_category=wish.max_per_category
        )
        return _Found(made, made.level, known.user_no, known.knowledge)

    async def _of_run(self, run: LiveRun | None, user_id: UserId, wish: Wish) -> _Found:
        return await self._users.reading(
            user_id, lambda user_no: self._of_user(run, user_id, user_no, wish)
        )

    async def _of_user(
        self, run: LiveRun | None, user_id: UserId, user_no: UserNo | None, wish: Wish
    ) -> _Found:
        if user_no is None:
            return await self._of_stranger(run, wish)
        field = _field(run, wish, self._policy)
        kept, stamp = await self._answers.find(user_no, field)
        self._metrics.cache.labels("miss" if kept is None else "hit").inc()
        if kept is not None:
            await self._remembered.learn(user_id)
            return _Found(MadeList.decode(kept), "cache", user_no)
        # With the stamp in the key, who asks after an event never gets what was read before it.
        user = _User(user_id, user_no)
        leave = self._replica.leave(run, stamp)
        since = self._remembered.now if leave is None else leave.remembered_at
        with taking(leave):
            made = await self._flights.run(
                (user_no, field, stamp),
                lambda: self._make(run, user, wish, field, stamp, since=since),
            )
        return _Found(made, made.level, user_no)

    async def _of_stranger(self, run: LiveRun | None, wish: Wish) -> _Found:
        """The list of all users the log has never seen, which is one: it is kept once for all."""
        field = f"recommended:{_field(run, wish, self._policy)}"
        kept, stamp = await self._shared.find(field)
        self._metrics.cache.labels("miss" if kept is None else "hit").inc()
        if kept is not None:
            return _Found(MadeList.decode(kept), "cache", None)

        async def make() -> MadeList:
            made = await self._lists.make(run, None, wish)
            if made.degraded is not None:
                return self._completed(made, wish, ())
            await self._shared.store(field, made.encode(), stamp)
            return made

        with taking(self._replica.leave(run, stamp)):
            made = await self._flights.run((None, field, stamp), make)
        return _Found(made, made.level, None)

    async def _make(
        self, run: LiveRun | None, user: _User, wish: Wish, field: str, stamp: Stamp, *, since: int
    ) -> MadeList:
        states: list[UserState] = []
        try:
            made = await self._lists.make(run, user.user_no, wish, note=states.append)
        finally:
            for state in states:
                await self._remembered.remember(
                    user.user_id, user.user_no, state.exclusions, since=since, stamp=stamp
                )
        if made.degraded is not None:
            return self._completed(made, wish, states)
        await self._answers.store(user.user_no, field, made.encode(), stamp)
        return made

    def _completed(self, made: MadeList, wish: Wish, states: Sequence[UserState]) -> MadeList:
        """A list that could not be made long enough, with held items of the same run at its end."""
        missing = wish.limit - len(made.items)
        if missing <= 0 or not same_run(made.run, self._held.run) or not self._held.can_answer():
            return made
        listed = {item.item_no for item in made.items}
        excluded = listed.union(*(state.excluded for state in states))
        if wish.exclude_seen:
            excluded |= self._held.numbers_of(wish.interests.item_ids)
        added = fillers(self._held.top(missing, excluded, filters=wish.filters).items)
        return replace(made, items=(*made.items, *added))

    def _note(self, recommendation: Recommendation, user_no: UserNo | None) -> None:
        self._metrics.answers.labels(recommendation.source).inc()
        made = recommendation.made
        if made.degraded is not None:
            self._metrics.degraded.labels(made.degraded).inc()
        if recommendation.exclusions == "unknown":
            self._metrics.exclusions_unknown.inc()
        self._impressions.put(
            Impression(
                recommendation_id=recommendation.recommendation_id,
                user_no=user_no,
                run_id=made.run.run_id if made.run else None,
                source=recommendation.source,
                item_nos=[item.item_no for item in made.items],
                explored=[item.item_no for item in made.items if item.explored],
                shown_at=recommendation.generated_at,
            )
        )


def _field(run: LiveRun | None, wish: Wish, policy: BlendPolicy) -> str:
    """The name of a cached answer: the run and all that changes the list."""
    blend = (
        policy.policy,
        policy.batch_weight,
        policy.sharpness,
        policy.half_life_events,
        dict(policy.more),
    )
    asked = wish.interests.digest()
    parts = (
        run.version if run else None,
        wish.limit,
        wish.exclude_seen,
        wish.explain,
        asked,
        wish.explore,
        wish.diversity,
        wish.max_per_category,
        wish.filters.key(),
        *blend,
    )
    return ":".join(map(str, parts))
