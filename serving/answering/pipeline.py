"""One way from a request to an answer, for every kind of list.

A list comes from the cache, or is made from the served run, once for all who ask at the same time.
Where PostgreSQL does not answer within the budget, it is what is cached, or the fallback, without
what is known to be excluded.
"""

import math
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Generic

from domain.errors import StoreUnavailableError
from domain.identifiers import ItemNo, UserId, UserNo
from serving.answering.cache import AnswerCache, AtHand, Cached
from serving.answering.catalogue_changes import UNVERSIONED, CatalogueChanges, CatalogueVersion
from serving.answering.list_kind import CachedKind, ListKind, Request, Result
from serving.answering.replica_reading import ReplicaReading, on_replica
from serving.candidates.filters import FilteredRequest
from serving.candidates.recommendations import Recommendations
from serving.candidates.users import UserNumbers, UserReader
from serving.exclusions.exclusion_cache import ExclusionCache
from serving.exclusions.exclusion_lookup import ExclusionLookup
from serving.exclusions.exclusions import Knowledge, UserExclusions
from serving.fallback.fallback_catalogue import FallbackCatalogue
from serving.lists.recommendation_list import OF_EVERYBODY, REDIS_AWAY, degraded_by
from serving.redis.answers import NOT_STORED, CacheVersion
from serving.runs.live_runs import LiveRun, LiveRuns
from serving.runtime.budget import in_time, spending
from serving.runtime.metrics import ServingMetrics
from serving.runtime.tasks import HedgedRead, SingleFlight

CACHE = "cache"
"""The source of a list that was made before."""
_LATE = frozenset({"timeout", "budget"})
"""PostgreSQL may be as well as ever, and the request have asked for too much."""
_NOBODY = UserExclusions()


@dataclass(frozen=True, slots=True)
class Answer(Generic[Result]):
    """One answer to one request."""

    result: Result
    source: str
    """`cache`, or what the list was made as."""
    user_no: UserNo | None = None
    exclusions: Knowledge | None = None
    """Whether all that the user has seen was known; None: nobody was named."""
    degraded: str | None = None
    """Why the list is less than it might have been, or takes more to make; None: neither."""
    age_seconds: float = 0.0
    """Since the list was made."""
    generation_time_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class _Asked(Generic[Request, Result]):
    """A request of one kind, for a user or (None) for nobody."""

    kind: ListKind[Request, Result]
    request: Request
    user_id: UserId | None

    @property
    def user_ids(self) -> Sequence[UserId]:
        """Whose exclusions count."""
        return self.kind.group(self.request) if self.user_id is None else (self.user_id,)


@dataclass(eq=False, slots=True, kw_only=True)
class AnswerPipeline:
    """Answers requests for lists."""

    cache: AnswerCache
    catalogue: CatalogueChanges
    entry_seconds: float
    """A list that may lack items is cached no longer."""
    live_runs: LiveRuns
    recommendations: Recommendations
    users: UserNumbers
    fallback: FallbackCatalogue
    exclusion_cache: ExclusionCache
    exclusions: ExclusionLookup
    replica: ReplicaReading
    metrics: ServingMetrics
    _flights: SingleFlight[Any] = field(default_factory=SingleFlight, init=False)

    async def answer(
        self, kind: ListKind[Request, Result], request: Request, user_id: UserId | None
    ) -> Answer[Result]:
        """The best list there is; StoreUnavailableError only if there is none whatever."""
        started = time.perf_counter()
        asked = _Asked(kind, request, user_id)
        found = await self._best(asked)
        # `replace` takes three times as long.
        answer = Answer(
            found.result,
            found.source,
            found.user_no,
            exclusions=found.exclusions if asked.user_ids else None,
            degraded=found.result.degraded or self._degraded_cache(kind),
            age_seconds=found.age_seconds,
            generation_time_ms=_ms_since(started),
        )
        self._count(answer)
        return answer

    async def prepare(
        self, kind: CachedKind[Request, Result], request: Request, run: LiveRun, user_id: UserId
    ) -> None:
        """Make and cache a list of a run that is about to be served, for when it is.

        Nothing is cached where the run does not know all of the user yet, or without Redis, and
        what is cached goes with the user's next event as any list does: so it is the one that would
        be made then.
        """
        user_no = await self.users.find(user_id)
        if user_no is None:
            return
        key = _key(kind, request, run)
        cached = await self.cache.find(user_no, key)
        if cached.encoded is not None or not cached.version.reachable:
            return
        catalogue_version = await self._catalogue_version(cached)
        since = self.exclusion_cache.now
        # Asked after the version was taken: a later event voids the version.
        if await self.recommendations.knows_user(run.run_id, user_no):
            user = self._reader(run, user_id, user_no, cached.version, since=since)
            await self._make(
                kind,
                request,
                run,
                user,
                key=key,
                version=cached.version,
                catalogue_version=catalogue_version,
            )

    async def find_at_hand(
        self, kind: CachedKind[Request, Result], request: Request, user_id: UserId, key: str
    ) -> tuple[Answer[Result], AtHand] | None:
        """The cached list of a user if all is well, as cheaply as can be; `key`: `kind.key(…)`.

        It passes every check that `answer` makes of a cached list. None: `answer` must tell.
        """
        started = time.perf_counter()
        run, user_no = self.live_runs.current, self.users.known(user_id)
        found = None
        if run is not None:
            found = await self.cache.find_at_hand(user_id, user_no, f"{run.version}:{key}")
        if found is None or not self.catalogue.is_settled(found[1].catalogue or b""):
            return None
        at_hand, moment = found
        is_ready = (
            self.users.is_unknown(user_id, moment)
            if user_no is None
            else self.exclusion_cache.holds(user_id)
        )
        if not is_ready:
            return None
        cached = at_hand.cached
        if at_hand.result is None and cached.encoded is not None:
            at_hand.result = kind.decode(cached.encoded)
            at_hand.item_nos = tuple(item.item_no for item in at_hand.result.items)
        result: Result = at_hand.result
        if (
            not cached.is_fresh(kind.fresh_seconds)
            or self._is_outdated(kind, request, cached, at_hand.item_nos)
            or self._may_lack(kind, request, cached, result)
        ):
            return None
        self.metrics.hits.inc()
        answer = Answer(
            result,
            CACHE,
            user_no,
            "known",
            age_seconds=cached.age_seconds,
            generation_time_ms=_ms_since(started),
        )
        self._count(answer)
        return answer, at_hand

    async def _best(self, asked: _Asked[Request, Result]) -> Answer[Result]:
        with HedgedRead(lambda: self._known(asked.user_ids)) as hedged:
            try:
                return await in_time(self.live_runs.reading(lambda run: self._of_run(asked, run)))
            except StoreUnavailableError as error:
                return await self._without_store(asked, await hedged.result(), error)

    async def _known(self, user_ids: Sequence[UserId]) -> UserExclusions:
        if not user_ids:
            return _NOBODY
        first, *others = [await self.exclusions.find(user_id) for user_id in user_ids]
        return first.together(others) if others else first

    async def _without_store(
        self, asked: _Asked[Request, Result], known: UserExclusions, error: StoreUnavailableError
    ) -> Answer[Result]:
        """What is cached, or the fallback, without what is known to be excluded."""
        kind, request = asked.kind, asked.request
        if isinstance(kind, CachedKind):
            run = self.live_runs.current or self.fallback.run
            # The patience with PostgreSQL may have taken all of the budget.
            with spending(None):
                cached = await self.cache.find(known.user_no, _key(kind, request, run))
            # What changed lately cannot be read now.
            token = cached.version.catalogue
            is_known = cached.catalogue == token or self.catalogue.is_current(token)
            result = self._still_good(kind, request, cached) if is_known else None
            if result is not None:
                excluded = kind.excluded(known.exclusions, request)
                if excluded.isdisjoint(item.item_no for item in result.items):
                    # The list of strangers was made without a look at what this user has seen.
                    knowledge = known.knowledge if known.user_no is None else "known"
                    age = cached.age_seconds
                    return Answer(result, CACHE, known.user_no, knowledge, age_seconds=age)
        made = replace(kind.make_fallback(known, request), degraded=degraded_by(error))
        if error.reason in _LATE and isinstance(request, FilteredRequest):
            self.fallback.check_whole(request, len(made.items))
        return Answer(made, made.strategy, known.user_no, known.knowledge)

    async def _of_run(self, asked: _Asked[Request, Result], run: LiveRun | None) -> Answer[Result]:
        if asked.user_id is None:
            return await self._of_user(asked, run, None)
        return await self.users.reading(
            asked.user_id, lambda user_no: self._of_user(asked, run, user_no)
        )

    async def _of_user(
        self, asked: _Asked[Request, Result], run: LiveRun | None, user_no: UserNo | None
    ) -> Answer[Result]:
        """The list of a run; user_no None: for nobody, or a user the log has never seen."""
        kind, request, user_id = asked.kind, asked.request, asked.user_id
        if not isinstance(kind, CachedKind):
            result = await self._uncached(asked, run, user_no)
            return Answer(result, result.strategy, user_no, "known")
        key = _key(kind, request, run)
        cached = await self.cache.find(user_no, key)
        catalogue_version = await self._catalogue_version(cached)
        kept = self._still_good(kind, request, cached, seconds=kind.fresh_seconds)
        if kept is not None and self._may_lack(kind, request, cached, kept):
            kept = None
        self.metrics.cache.labels("miss" if kept is None else "hit").inc()
        if kept is not None:
            if user_id is not None and user_no is not None:
                await self.exclusion_cache.warm(user_id)
            return Answer(kept, CACHE, user_no, "known", age_seconds=cached.age_seconds)
        grant = self.replica.grant(run, cached.version)
        since = self.exclusion_cache.now if grant is None else grant.exclusions_version
        made_with = catalogue_version if grant is None else grant.catalogue_version
        user = self._reader(run, user_id, user_no, cached.version, since=since)
        with on_replica(grant):
            # With the version in the key, who asks after an event never gets an older list.
            result = await self._flights.run(
                (user_no, key, cached.version),
                lambda: self._make(
                    kind,
                    request,
                    run,
                    user,
                    key=key,
                    version=cached.version,
                    catalogue_version=made_with,
                ),
            )
        return Answer(result, result.strategy, user_no, "known")

    async def _uncached(
        self, asked: _Asked[Request, Result], run: LiveRun | None, user_no: UserNo | None
    ) -> Result:
        """A list that is made anew; lists of nobody may be read from the replica."""
        grant = None if asked.user_id is not None else await self.replica.grant_for_all(run)
        since = self.exclusion_cache.now
        user = self._reader(run, asked.user_id, user_no, NOT_STORED, since=since)
        with on_replica(grant):
            return await asked.kind.make(run, user, asked.request)

    async def _make(
        self,
        kind: CachedKind[Request, Result],
        request: Request,
        run: LiveRun | None,
        user: UserReader | None,
        *,
        key: str,
        version: CacheVersion,
        catalogue_version: CatalogueVersion,
    ) -> Result:
        known = kind.known_position(request)
        if known is not None and known < catalogue_version.position:
            catalogue_version = replace(catalogue_version, position=known)
        result = await kind.make(run, user, request)
        if result.degraded is None and version.reachable:
            # A list is no worse because nobody knows for how long it will be good.
            with suppress(StoreUnavailableError):
                item_nos = [item.item_no for item in result.items]
                good_seconds = await self.catalogue.find_seconds_to_expiry(item_nos)
                await self.cache.store(
                    None if user is None else user.user_no,
                    key,
                    kind.encode(result),
                    version,
                    catalogue_version=catalogue_version,
                    good_seconds=good_seconds,
                )
        return result

    async def _catalogue_version(self, cached: Cached) -> CatalogueVersion:
        """What a list knows of the catalogue that is made now."""
        if not cached.version.reachable:
            return UNVERSIONED
        return await self.catalogue.current(cached.version.catalogue)

    def _still_good(
        self,
        kind: CachedKind[Request, Result],
        request: Request,
        cached: Cached,
        *,
        seconds: float = math.inf,
    ) -> Result | None:
        """The cached list, if it is so fresh and all of its items may still be in it."""
        if cached.encoded is None or not cached.is_fresh(seconds):
            return None
        result = kind.decode(cached.encoded)
        item_nos = [item.item_no for item in result.items]
        return None if self._is_outdated(kind, request, cached, item_nos) else result

    def _is_outdated(
        self,
        kind: CachedKind[Request, Result],
        request: Request,
        cached: Cached,
        item_nos: Sequence[ItemNo],
    ) -> bool:
        """Whether it shows an item that may not be in it any more."""
        filtered = kind.asks_attributes(request)
        return self.catalogue.outdates(cached.catalogue_version, item_nos, filtered=filtered)

    def _may_lack(
        self,
        kind: CachedKind[Request, Result],
        request: Request,
        cached: Cached,
        result: Result,
    ) -> bool:
        """Whether others than its items may belong into a list, which is no longer new."""
        if cached.is_fresh(self.entry_seconds):
            return False
        # What is popular follows everybody's events.
        if result.strategy in OF_EVERYBODY or kind.asks_now(request):
            return True
        return self.catalogue.may_lack(
            cached.catalogue_version, filtered=kind.asks_attributes(request)
        )

    def _reader(
        self,
        run: LiveRun | None,
        user_id: UserId | None,
        user_no: UserNo | None,
        version: CacheVersion,
        *,
        since: int,
    ) -> UserReader | None:
        if user_id is None or user_no is None:
            return None
        return UserReader(
            self.recommendations,
            self.exclusion_cache,
            run=run,
            user_id=user_id,
            user_no=user_no,
            since=since,
            version=version,
        )

    def _degraded_cache(self, kind: ListKind[Any, Any]) -> str | None:
        return REDIS_AWAY if isinstance(kind, CachedKind) and self.cache.away else None

    def _count(self, answer: Answer[Any]) -> None:
        self.metrics.answers_from(answer.source).inc()
        if answer.result.degraded is not None:
            self.metrics.degraded.labels(answer.result.degraded).inc()
        if answer.exclusions == "unknown":
            self.metrics.exclusions_unknown.inc()


def _ms_since(started: float) -> float:
    return round((time.perf_counter() - started) * 1000, 3)


def _key(kind: CachedKind[Request, Result], request: Request, run: LiveRun | None) -> str:
    """The name of a cached list: the run and all that changes it."""
    return f"{run.version if run else None}:{kind.key(request)}"
