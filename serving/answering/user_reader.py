"""The user a list is made for."""

from domain.identifiers import UserId, UserNo
from serving.redis.answers import CacheVersion
from serving.repositories.recommendations import Recommendations, UserState
from serving.repositories.runs import LiveRun
from serving.runtime.budget import KNOWING_THE_USER, until
from serving.services.memory.exclusion_cache import ExclusionCache


class UserReader:
    """Reads what PostgreSQL knows of a user, and keeps the exclusions for when it is away."""

    def __init__(
        self,
        recommendations: Recommendations,
        exclusion_cache: ExclusionCache,
        *,
        run: LiveRun | None,
        user_id: UserId,
        user_no: UserNo,
        since: int,
        version: CacheVersion,
    ) -> None:
        self._recommendations = recommendations
        self._exclusion_cache = exclusion_cache
        self._run = run
        self._user_id = user_id
        self.user_no = user_no
        self._since = since
        self._version = version
        self.loaded: UserState | None = None
        """The state, once it was read."""

    async def state(self, *, exclude_seen: bool) -> UserState:
        """The user's state in the run; RunGoneError, UserGoneError or StoreUnavailableError."""
        with until(KNOWING_THE_USER):
            self.loaded = await self._recommendations.load_user_state(
                self._run.run_id if self._run else None, self.user_no, exclude_seen=exclude_seen
            )
        await self._exclusion_cache.store(
            self._user_id,
            self.user_no,
            self.loaded.exclusions,
            since=self._since,
            version=self._version,
        )
        return self.loaded
