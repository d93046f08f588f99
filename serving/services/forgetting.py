"""Forgetting users: nothing of them stays, in the store, in the cache, or in memory."""

import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from domain.identifiers import UserId
from serving.candidates.users import UserNumbers
from serving.exclusions.exclusion_cache import ExclusionCache
from serving.redis.answers import Answers
from serving.repositories.user_profiles import UserProfiles

_MOST_DUE = 10_000


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What was removed of a user."""

    rows: Mapping[str, int]
    """Rows of the store, by what they were."""
    cached_answers: int | None
    """None: Redis is away; its answers do not count when it is back."""


class UserForgetter:
    """Forgets users.

    An event that was recorded just before its user was forgotten may be cached just after, by
    whoever recorded it. So the cache drops the user once more when the time that may take,
    `write_seconds`, is well over.
    """

    def __init__(
        self,
        *,
        profiles: UserProfiles,
        users: UserNumbers,
        answers: Answers,
        exclusion_cache: ExclusionCache,
        write_seconds: float,
    ) -> None:
        self._profiles = profiles
        self._users = users
        self._answers = answers
        self._exclusion_cache = exclusion_cache
        self._again_after = 2 * write_seconds
        self._due: deque[tuple[float, UserId]] = deque(maxlen=_MOST_DUE)

    async def forget(self, user_id: UserId) -> Forgotten:
        """Remove all that is known of a user, known or not; harmless twice.

        An event of the same user id that is recorded afterwards is that of a new user.
        """
        cached = await self._exclusion_cache.find(user_id)
        gone = await self._profiles.forget_user(user_id)
        # A number from memory may be all that is left: whoever was first may have died before this.
        numbers = {gone.user_no, cached.user_no, self._users.forget(user_id)}
        dropped = await self._answers.drop([no for no in numbers if no is not None])
        await self._exclusion_cache.forget_user(user_id)
        self._due.append((time.monotonic() + self._again_after, user_id))
        return Forgotten(gone.removed, dropped)

    async def forget_again(self) -> None:
        """Drop what was cached of users while they were forgotten; one who is back stays."""
        while self._due and self._due[0][0] <= time.monotonic():
            user_id = self._due[0][1]
            if await self._users.find(user_id) is None:
                await self._exclusion_cache.forget_user(user_id)
            self._due.popleft()
