"""The user a list is made for."""

from domain.identifiers import UserId, UserNo
from serving.budget import KNOWING_THE_USER, until
from serving.repositories.answers import Stamp
from serving.repositories.recommendations import Recommendations, UserState
from serving.repositories.runs import LiveRun
from serving.services.memory.remembered_users import RememberedUsers


class UserReader:
    """Reads what PostgreSQL knows of a user, and keeps the exclusions for when it is away."""

    def __init__(
        self,
        recommendations: Recommendations,
        remembered: RememberedUsers,
        *,
        run: LiveRun | None,
        user_id: UserId,
        user_no: UserNo,
        since: int,
        stamp: Stamp,
    ) -> None:
        self._recommendations = recommendations
        self._remembered = remembered
        self._run = run
        self._user_id = user_id
        self.user_no = user_no
        self._since = since
        self._stamp = stamp
        self.loaded: UserState | None = None
        """The state, once it was read."""

    async def state(self, *, exclude_seen: bool) -> UserState:
        """The user's state in the run; RunGoneError, UserGoneError or StoreUnavailableError."""
        with until(KNOWING_THE_USER):
            self.loaded = await self._recommendations.load_user_state(
                self._run.run_id if self._run else None, self.user_no, exclude_seen=exclude_seen
            )
        await self._remembered.remember(
            self._user_id,
            self.user_no,
            self.loaded.exclusions,
            since=self._since,
            stamp=self._stamp,
        )
        return self.loaded
