"""The users lists are made for: their numbers, and what PostgreSQL knows of them."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from cachetools import LRUCache, TTLCache

from domain.errors import StoreUnavailableError
from domain.identifiers import UserId, UserNo
from serving.candidates.catalogue_items import NewItems
from serving.candidates.recommendations import Recommendations
from serving.candidates.user_state import UserState
from serving.exclusions.exclusion_cache import ExclusionCache
from serving.redis.answers import CacheVersion
from serving.redis.redis_link import Moment, RedisLink
from serving.runs.live_runs import LiveRun
from serving.runtime.budget import KNOWING_THE_USER, trying, until
from serving.runtime.faults import UserGoneError

Answer = TypeVar("Answer")

_MOST = 200_000
_MOST_UNKNOWN = 20_000
_UNKNOWN_SECONDS = 10.0
"""However quiet it is: while this process is not notified, a load may have brought the user."""
_ATTEMPTS = 3


class UserNumbers:
    """Numbers of users, asked for once; of the most recently seen users only."""

    def __init__(self, recommendations: Recommendations, redis: RedisLink) -> None:
        self._recommendations = recommendations
        self._redis = redis
        self._numbers: LRUCache[UserId, UserNo] = LRUCache(_MOST)
        # Who is unknown stays so until somebody's answers are dropped, as those of each user are
        # whom the log sees for the first time, or a load brings users.
        self._unknown: TTLCache[UserId, Moment] = TTLCache(_MOST_UNKNOWN, _UNKNOWN_SECONDS)
        self._loads = 0

    def known(self, user_id: UserId) -> UserNo | None:
        """A user's number if it was asked for before."""
        return self._numbers.get(user_id)

    async def find(self, user_id: UserId) -> UserNo | None:
        """A user's number; None if the log has never seen the user."""
        known = self.known(user_id)
        if known is not None:
            return known
        # Read before PostgreSQL is asked: whoever becomes known after that moves the clock on.
        asked = await self._redis.ask_batched("PING")
        moment = None if asked is None else asked[1]
        if moment is not None and self.is_unknown(user_id, moment):
            return None
        loads = self._loads
        found = await self._recommendations.find_user_no(user_id)
        if found is not None:
            self._numbers[user_id] = found
        elif moment is not None and loads == self._loads:
            self._unknown[user_id] = moment
        return found

    def forget_unknown(self) -> None:
        """A load has brought users, or may have: of whoever is unknown ask again."""
        self._unknown.clear()
        self._loads += 1

    def is_unknown(self, user_id: UserId, moment: Moment) -> bool:
        """Whether the log had not seen a user at this moment, as far as was asked before."""
        then = self._unknown.get(user_id)
        return (
            then is not None and then.clock == moment.clock and then.generation == moment.generation
        )

    async def reading(
        self, user_id: UserId, read: Callable[[UserNo | None], Awaitable[Answer]]
    ) -> Answer:
        """Read with a user's number; with the next one if the user was forgotten meanwhile.

        `read` gets the number, or None if the log has never seen the user, and raises UserGoneError
        when it finds that the number is nobody's any more.
        """
        for _ in range(_ATTEMPTS):
            try:
                return await read(await self.find(user_id))
            except UserGoneError:
                self.forget(user_id)
        return await read(None)

    def forget(self, user_id: UserId) -> UserNo | None:
        """Look the number up again the next time; answers what it was taken for."""
        return self._numbers.pop(user_id, None)


class StateReader(Protocol):
    """Reads what PostgreSQL knows of whom a list is for."""

    @property
    def user_no(self) -> UserNo | None:
        """Whose list it is; None: that of several users."""

    @property
    def loaded(self) -> UserState | None:
        """The state, once it was read."""

    async def state(self, *, exclude_seen: bool) -> UserState:
        """The state in the run; RunGoneError, UserGoneError or StoreUnavailableError."""

    async def state_and_nearest(
        self, *, exclude_seen: bool, new: NewItems, with_categories: bool
    ) -> UserState:
        """The same, with the nearest of all items of the run if that takes no statement more."""


@dataclass(eq=False, slots=True)
class UserReader:
    """Reads what PostgreSQL knows of a user, and keeps the exclusions for when it is away."""

    recommendations: Recommendations
    exclusion_cache: ExclusionCache
    run: LiveRun | None
    user_id: UserId
    user_no: UserNo
    since: int
    version: CacheVersion
    loaded: UserState | None = field(default=None, init=False)
    """The state, once it was read."""

    async def state(self, *, exclude_seen: bool) -> UserState:
        """The user's state in the run; RunGoneError, UserGoneError or StoreUnavailableError."""
        run_id = self.run.run_id if self.run else None
        return await self._kept(
            self.recommendations.load_user_state(run_id, self.user_no, exclude_seen=exclude_seen)
        )

    async def state_and_nearest(
        self, *, exclude_seen: bool, new: NewItems, with_categories: bool
    ) -> UserState:
        """See `StateReader`."""
        if self.run is None:
            return await self.state(exclude_seen=exclude_seen)
        try:
            with trying(KNOWING_THE_USER):
                return await self._kept(
                    self.recommendations.load_user_state_and_nearest(
                        self.run.run_id,
                        self.user_no,
                        exclude_seen=exclude_seen,
                        new=new,
                        with_categories=with_categories,
                    )
                )
        except StoreUnavailableError as error:
            if error.reason != "timeout":
                raise
            # Many items have come since the night, or the search is held up: who the user is can
            # be known all the same.
            return await self.state(exclude_seen=exclude_seen)

    async def _kept(self, loading: Awaitable[UserState]) -> UserState:
        with until(KNOWING_THE_USER):
            self.loaded = await loading
        await self.exclusion_cache.store(
            self.user_id,
            self.user_no,
            self.loaded.exclusions,
            since=self.since,
            version=self.version,
        )
        return self.loaded
