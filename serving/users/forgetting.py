"""Forgetting users: nothing of them stays."""

import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from domain.identifiers import UserId
from serving.access.acting import Actor
from serving.access.revocations import Revocations, user_subject
from serving.candidates.users import UserNumbers
from serving.exclusions.exclusion_cache import ExclusionCache
from serving.redis.answers import Answers
from serving.users.user_profiles import UserProfiles

_MOST_DUE = 10_000


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What was removed of a user."""

    rows: Mapping[str, int]
    """Rows of the store, by what they were."""
    cached_answers: int | None
    """None: Redis is away; its answers do not count when it is back."""


@dataclass(eq=False, slots=True, kw_only=True)
class UserForgetter:
    """Forgets users.

    An event that was recorded just before its user was forgotten may be cached just after, by
    whoever recorded it. So the cache drops the user once more when the time that may take,
    `write_seconds`, is well over.
    """

    profiles: UserProfiles
    users: UserNumbers
    answers: Answers
    exclusion_cache: ExclusionCache
    revocations: Revocations
    write_seconds: float
    _due: deque[tuple[float, UserId]] = field(
        default_factory=lambda: deque(maxlen=_MOST_DUE), init=False
    )

    async def forget(self, user_id: UserId, actor: Actor) -> Forgotten:
        """Remove all that is known of a user, known or not; harmless twice.

        An event of the same user id that is recorded afterwards is that of a new user. The user's
        tokens end first: a device that still has one would bring the user back.
        """
        await self.revocations.revoke(user_subject(user_id))
        cached = await self.exclusion_cache.find(user_id)
        gone = await self.profiles.forget_user(user_id, actor)
        # A number from memory may be all that is left: whoever was first may have died before this.
        numbers = {gone.user_no, cached.user_no, self.users.forget(user_id)}
        dropped = await self.answers.drop([no for no in numbers if no is not None])
        await self.exclusion_cache.forget_user(user_id)
        self._due.append((time.monotonic() + 2 * self.write_seconds, user_id))
        return Forgotten(gone.removed, dropped)

    async def forget_again(self) -> None:
        """Drop what was cached of users while they were forgotten; one who is back stays."""
        while self._due and self._due[0][0] <= time.monotonic():
            user_id = self._due[0][1]
            if await self.users.find(user_id) is None:
                await self.exclusion_cache.forget_user(user_id)
            self._due.popleft()
