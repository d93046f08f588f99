"""Finding items for whoever asks: from the cache, from a run, or the best there still is."""

import time
from collections.abc import Awaitable, Callable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from typing import Any, Generic, Literal, TypeVar

import orjson

from domain.errors import StoreUnavailableError
from domain.identifiers import ItemNo, UserId, UserNo
from serving.budget import KNOWING_THE_USER, in_time, spending, until
from serving.metrics import ServingMetrics
from serving.repositories.answers import Answers, Stamp
from serving.repositories.exclusions import Exclusions, Knowledge, RememberedUser
from serving.repositories.recommendations import Recommendations, UserState
from serving.repositories.runs import LiveRun
from serving.repositories.shared_answers import SharedAnswers
from serving.services.lists.held_popular import HeldPopular
from serving.services.lists.made_list import REDIS_AWAY, degraded_by
from serving.services.live_runs import LiveRuns
from serving.services.memory.early_look import EarlyLook
from serving.services.memory.exclusion_lookup import ExclusionLookup
from serving.services.memory.remembered_users import RememberedUsers
from serving.services.replica_reading import ReplicaReading, taking
from serving.services.searching.found_list import SearchList, SimilarList, encoded
from serving.services.single_flight import SingleFlight
from serving.services.user_numbers import UserNumbers

Listed = TypeVar("Listed", SimilarList, SearchList)
FoundSource = Literal["cache", "similar", "search", "words", "popular", "held"]

_STRANGER = RememberedUser()


@dataclass(frozen=True, slots=True)
class Asked(Generic[Listed]):
    """A question for items, and the ways to answer it."""

    field: str
    """All that changes the answer, apart from the run and the user."""
    make: Callable[[LiveRun | None, UserState | None], Awaitable[Listed]]
    """The list of a run, for a user or (None) for whoever asks."""
    make_held: Callable[[Exclusions], Listed]
    """The list without the store; StoreUnavailableError if nothing is held."""
    decode: Callable[[dict[str, Any]], Listed]
    excluded: Callable[[Exclusions], AbstractSet[ItemNo]]
    """What of a user's exclusions must not be in the list."""


@dataclass(frozen=True, slots=True)
class FoundItems(Generic[Listed]):
    """One answer to one question."""

    made: Listed
    source: FoundSource
    degraded: str | None = None
    """Why the list is less than it might have been, or takes more to make; None: neither."""
    generation_ms: float = field(default=0.0)
    exclusions: Knowledge | None = None
    """Whether all that the user has seen was known; None: nobody was named."""


class Finder(Generic[Listed]):
    """Answers questions of one kind.

    An answer is given again for `fresh_seconds`; it is kept longer, for when the store is away.
    """

    def __init__(
        self,
        *,
        live_runs: LiveRuns,
        recommendations: Recommendations,
        users: UserNumbers,
        answers: Answers,
        shared: SharedAnswers,
        held: HeldPopular,
        remembered: RememberedUsers,
        exclusions: ExclusionLookup,
        replica: ReplicaReading,
        metrics: ServingMetrics,
        fresh_seconds: float,
    ) -> None:
        self._live_runs = live_runs
        self._recommendations = recommendations
        self._users = users
        self._answers = answers
        self._shared = shared
        self._held = held
        self._remembered = remembered
        self._exclusions = exclusions
        self._replica = replica
        self._metrics = metrics
        self._fresh_seconds = fresh_seconds
        self._flights: SingleFlight[Listed] = SingleFlight()

    async def find(self, user_id: UserId | None, asked: Asked[Listed]) -> FoundItems[Listed]:
        """The best list; StoreUnavailableError only if there is none whatever."""
        started = time.perf_counter()
        found = await self._best(user_id, asked)
        self._metrics.answers.labels(found.source).inc()
        if found.made.degraded is not None:
            self._metrics.degraded.labels(found.made.degraded).inc()
        if found.exclusions == "unknown":
            self._metrics.exclusions_unknown.inc()
        return replace(
            found,
            degraded=found.made.degraded or (REDIS_AWAY if self._answers.away else None),
            generation_ms=round((time.perf_counter() - started) * 1000, 3),
        )

    async def _best(self, user_id: UserId | None, asked: Asked[Listed]) -> FoundItems[Listed]:
        with EarlyLook(lambda: self._known(user_id)) as looked_up:
            try:
                found = await in_time(
                    self._live_runs.reading(lambda run: self._of_run(run, user_id, asked))
                )
            except StoreUnavailableError as error:
                found = await self._without_store(await looked_up.found(), asked, error)
        if user_id is None:
            return replace(found, exclusions=None)
        return replace(found, exclusions=found.exclusions or "known")

    async def _known(self, user_id: UserId | None) -> RememberedUser:
        return _STRANGER if user_id is None else await self._exclusions.find(user_id)

    async def _without_store(
        self, known: RememberedUser, asked: Asked[Listed], error: StoreUnavailableError
    ) -> FoundItems[Listed]:
        """The answer that is kept, or the held one without what is remembered of the user."""
        run = self._live_runs.current or self._held.run
        # The patience with PostgreSQL may have taken all of the budget.
        with spending(None):
            kept, _ = await self._kept(known.user_no, _field(run, asked))
        if kept is not None:
            made = asked.decode(kept)
            if asked.excluded(known.exclusions).isdisjoint(item.item_no for item in made.items):
                return FoundItems(made, "cache")
        made = asked.make_held(known.exclusions)
        held = replace(made, degraded=degraded_by(error))
        return FoundItems(held, "held", exclusions=known.knowledge)

    async def _of_run(
        self, run: LiveRun | None, user_id: UserId | None, asked: Asked[Listed]
    ) -> FoundItems[Listed]:
        if user_id is None:
            return await self._of_user(run, None, None, asked)
        return await self._users.reading(
            user_id, lambda user_no: self._of_user(run, user_id, user_no, asked)
        )

    async def _of_user(
        self,
        run: LiveRun | None,
        user_id: UserId | None,
        user_no: UserNo | None,
        asked: Asked[Listed],
    ) -> FoundItems[Listed]:
        named = _field(run, asked)
        kept, stamp = await self._kept(user_no, named)
        fresh = kept is not None and time.time() - float(kept["made_at"]) < self._fresh_seconds
        self._metrics.cache.labels("hit" if fresh else "miss").inc()
        if kept is not None and fresh:
            if user_id is not None and user_no is not None:
                await self._remembered.learn(user_id)
            return FoundItems(asked.decode(kept), "cache")
        leave = self._replica.leave(run, stamp)
        since = self._remembered.now if leave is None else leave.remembered_at

        async def make() -> Listed:
            user = None
            if user_id is not None and user_no is not None:
                user = await self._user_state(run, user_id, user_no, stamp, since=since)
            made = await asked.make(run, user)
            if made.degraded is None:
                await self._keep(user_no, named, made, stamp)
            return made

        with taking(leave):
            made = await self._flights.run((user_no, named, stamp), make)
        return FoundItems(made, made.level)

    async def _user_state(
        self, run: LiveRun | None, user_id: UserId, user_no: UserNo, stamp: Stamp, *, since: int
    ) -> UserState:
        with until(KNOWING_THE_USER):
            user = await self._recommendations.load_user_state(
                run.run_id if run else None, user_no, exclude_seen=True
            )
        await self._remembered.remember(user_id, user_no, user.exclusions, since=since, stamp=stamp)
        return user

    async def _kept(
        self, user_no: UserNo | None, named: str
    ) -> tuple[dict[str, Any] | None, Stamp]:
        if user_no is None:
            kept, stamp = await self._shared.find(named)
        else:
            kept, stamp = await self._answers.find(user_no, named)
        return None if kept is None else orjson.loads(kept), stamp

    async def _keep(self, user_no: UserNo | None, named: str, made: Listed, stamp: Stamp) -> None:
        kept = encoded(made, time.time())
        if user_no is None:
            await self._shared.store(named, kept, stamp)
        else:
            await self._answers.store(user_no, named, kept, stamp)


def _field(run: LiveRun | None, asked: Asked[Listed]) -> str:
    """The name of a cached answer: the run and all that changes the list."""
    return f"{run.version if run else None}:{asked.field}"
