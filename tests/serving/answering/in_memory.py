"""What the pipeline stands on, in memory: no PostgreSQL, no Redis."""

import time
from collections.abc import Awaitable, Callable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import orjson

from domain.errors import StoreUnavailableError
from domain.identifiers import ItemNo, RunId, UserId, UserNo
from domain.rankings import Ranking
from serving.answering.cache import Cached
from serving.answering.catalogue_changes import UNVERSIONED, CatalogueVersion
from serving.answering.list_kind import CachedKind
from serving.answering.pipeline import AnswerPipeline
from serving.candidates.filters import EVERYTHING, Filters
from serving.candidates.user_state import UserState
from serving.candidates.users import UserReader
from serving.exclusions.exclusions import Exclusions, UserExclusions
from serving.redis.answers import CacheVersion
from serving.runs.live_runs import LiveRun
from serving.runtime.faults import RunGoneError, UserGoneError
from serving.runtime.metrics import ServingMetrics


class Unchanged:
    """A catalogue of which nothing changes."""

    async def current(self, _token: bytes) -> CatalogueVersion:
        return UNVERSIONED

    async def find_seconds_to_expiry(self, _item_nos: Any) -> None:
        return None

    def is_current(self, _token: bytes) -> bool:
        return True

    def outdates(self, *_: Any, **_filtered: Any) -> bool:
        return False

    may_lack = outdates


@dataclass
class Memory:
    """The store, the cache and what they are asked for, all of one process."""

    users: dict[UserId, UserNo] = field(default_factory=dict)
    seen: dict[UserNo, set[ItemNo]] = field(default_factory=dict)
    known: dict[UserId, UserExclusions] = field(default_factory=dict)
    """What is known of users without PostgreSQL."""
    cached: dict[tuple[UserNo | None, str], tuple[float, bytes]] = field(default_factory=dict)
    run: LiveRun | None = field(default_factory=lambda: LiveRun(RunId(1), datetime.now(UTC)))
    next_run: LiveRun | None = None
    postgres_away: bool = False
    away: bool = False
    """Of Redis."""

    @property
    def current(self) -> LiveRun | None:
        return self.run

    async def reading(self, read: Callable[[LiveRun | None], Awaitable[Any]]) -> Any:
        self._ask()
        try:
            return await read(self.run)
        except RunGoneError:
            self.run = self.next_run
            return await read(self.run)

    async def load_user_state(
        self, _run_id: RunId | None, user_no: UserNo, *, exclude_seen: bool
    ) -> UserState:
        self._ask()
        if user_no not in self.users.values():
            raise UserGoneError
        seen = frozenset(self.seen.get(user_no, ()))
        excluded = tuple(seen) if exclude_seen else ()
        return UserState(Ranking.empty(), None, 0, excluded, exclusions=Exclusions(seen))

    async def knows_user(self, _run_id: RunId, user_no: UserNo) -> bool:
        return user_no in self.users.values()

    async def warm(self, _user_id: UserId) -> None:
        """All is known here."""

    async def find(self, user_no: UserNo | None, key: str) -> Cached:
        made_at, encoded = self.cached.get((user_no, key), (0.0, None))
        version = CacheVersion(b"", b"", reachable=not self.away)
        return Cached(encoded, version, made_at)

    async def store(
        self,
        user_no: UserNo | None,
        key: str,
        encoded: bytes,
        _version: CacheVersion,
        **_good: Any,
    ) -> None:
        self.cached[user_no, key] = (time.time(), encoded)

    def pipeline(self) -> AnswerPipeline:
        """A pipeline on all this."""
        return AnswerPipeline(
            cache=self,  # type: ignore[arg-type]
            catalogue=Unchanged(),  # type: ignore[arg-type]
            entry_seconds=60.0,
            live_runs=self,  # type: ignore[arg-type]
            recommendations=self,  # type: ignore[arg-type]
            users=SimpleNamespace(find=self._find_user, reading=self._reading_user),  # type: ignore[arg-type]
            fallback=SimpleNamespace(run=self.run),  # type: ignore[arg-type]
            exclusion_cache=SimpleNamespace(  # type: ignore[arg-type]
                now=0, store=self._store_exclusions, warm=self.warm
            ),
            exclusions=SimpleNamespace(find=self._find_known),  # type: ignore[arg-type]
            replica=SimpleNamespace(grant=lambda *_: None),  # type: ignore[arg-type]
            metrics=ServingMetrics(),
        )

    async def _store_exclusions(
        self, user_id: UserId, user_no: UserNo, exclusions: Exclusions, **_when: Any
    ) -> None:
        self.known[user_id] = UserExclusions(user_no, exclusions, complete=True)

    async def _find_user(self, user_id: UserId) -> UserNo | None:
        self._ask()
        return self.users.get(user_id)

    async def _reading_user(self, user_id: UserId, read: Callable[..., Awaitable[Any]]) -> Any:
        return await read(await self._find_user(user_id))

    async def _find_known(self, user_id: UserId) -> UserExclusions:
        return self.known.get(user_id, UserExclusions())

    def _ask(self) -> None:
        if self.postgres_away:
            raise StoreUnavailableError("PostgreSQL is away.", reason="unreachable")


@dataclass(frozen=True)
class Numbers:
    """A list of item numbers."""

    strategy: str
    run: LiveRun | None
    items: tuple[Any, ...]
    degraded: str | None = None

    @property
    def item_nos(self) -> list[int]:
        return [item.item_no for item in self.items]


class Counting(CachedKind[int, Numbers]):
    """The first so many items that the user has not seen."""

    def __init__(self) -> None:
        self.times_made = 0
        self.degraded: str | None = None
        self.gone: set[RunId] = set()

    async def make(self, run: LiveRun | None, user: UserReader | None, request: int) -> Numbers:
        self.times_made += 1
        if run and run.run_id in self.gone:
            raise RunGoneError
        state = await user.state(exclude_seen=True) if user else None
        return _numbers("blend", run, request, state.excluded if state else (), self.degraded)

    def make_fallback(self, known: UserExclusions, request: int) -> Numbers:
        return _numbers("fallback", None, request, self.excluded(known.exclusions, request))

    def excluded(self, exclusions: Exclusions, request: int) -> AbstractSet[ItemNo]:  # noqa: ARG002
        return exclusions.of(exclude_seen=True)

    def filters(self, request: int) -> Filters:  # noqa: ARG002
        return EVERYTHING

    def key(self, request: int) -> str:
        return f"counting:{request}"

    def encode(self, result: Numbers) -> bytes:
        return orjson.dumps(result.item_nos)

    def decode(self, cached: bytes) -> Numbers:
        return Numbers("blend", None, _items(orjson.loads(cached)))


def _numbers(
    strategy: str, run: LiveRun | None, n: int, excluded: Any, degraded: str | None = None
) -> Numbers:
    numbers = [no for no in range(100) if no not in set(excluded)][:n]
    return Numbers(strategy, run, _items(numbers), degraded)


def _items(numbers: list[int]) -> tuple[Any, ...]:
    return tuple(SimpleNamespace(item_no=ItemNo(no)) for no in numbers)
