"""Users' profiles, with the interests they declare; and forgetting users: nothing of them stays."""

import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from domain.errors import UnknownUserError
from domain.identifiers import ItemNo, UserId
from serving.access.acting import Actor
from serving.access.revocations import Revocations, user_subject
from serving.candidates.catalogue_items import find_item_nos
from serving.candidates.users import UserNumbers
from serving.exclusions.exclusion_cache import ExclusionCache
from serving.exclusions.exclusion_warming import ExclusionWarmer
from serving.exclusions.exclusions import Exclusions, UserExclusions
from serving.postgres.store import ReadStore
from serving.redis.answers import Answers
from serving.runtime.faults import FaultyInputError, unknown_items
from serving.users.schemas import UserBody
from serving.users.user_profiles import (
    DeclaredInterests,
    DeclaredWord,
    ProfileUpdate,
    UserProfile,
    UserProfiles,
)

_MOST_DUE = 10_000


@dataclass(eq=False, slots=True, kw_only=True)
class UserKeeping:
    """Reads and writes users' profiles, and keeps their answers true to them."""

    users: UserProfiles
    store: ReadStore
    answers: Answers
    exclusion_cache: ExclusionCache
    exclusion_warmer: ExclusionWarmer

    async def load(self, user_id: UserId) -> UserProfile:
        """A user's profile; UnknownUserError if nobody has that name."""
        user = await self.users.find_user(user_id)
        if user is None:
            raise UnknownUserError(
                f"There is no user {user_id!r}. A user comes to be with PUT, or with an event."
            )
        return user

    async def put(self, user_id: UserId, body: UserBody) -> tuple[UserProfile, ProfileUpdate]:
        """Create a user or replace the profile of one.

        When this returns it is committed, the user's cached answers are gone, and no list shows the
        items that were named. FaultyInputError names each unknown item; then nothing is stored.
        """
        item_nos = await self._item_nos(body.interests.items)
        update = await self.users.put_user(user_id, body.attributes, body.interests.words, item_nos)
        # Also if nothing has changed: whoever declared the same before may have died before this.
        named = {user_id: UserExclusions(update.user_no, Exclusions(seen=frozenset(item_nos)))}
        self.exclusion_cache.add(named)
        await self.answers.drop([update.user_no])
        await self.exclusion_cache.publish(named)
        if not update.created:
            # Items may have been named before that are not named any more.
            await self.exclusion_warmer.reload(update.user_no, user_id)
        return _as_declared(user_id, body, update), update

    async def _item_nos(self, item_ids: Sequence[str]) -> list[ItemNo]:
        found = await find_item_nos(self.store, item_ids) if item_ids else {}
        faults = unknown_items(
            {f"/interests/items/{index}": item_id for index, item_id in enumerate(item_ids)}, found
        )
        if faults:
            raise FaultyInputError(
                f"Nothing was stored: {len(faults)} of the items are unknown.", faults
            )
        return [found[item_id] for item_id in item_ids]


def _as_declared(user_id: UserId, body: UserBody, update: ProfileUpdate) -> UserProfile:
    """The user as of the update: read again, one forgotten meanwhile would not be found."""
    words = zip(body.interests.words, update.known, strict=True)
    return UserProfile(
        user_id=user_id,
        attributes=body.attributes,
        interests=DeclaredInterests(
            tuple(DeclaredWord(word, known) for word, known in words), tuple(body.interests.items)
        ),
        declared_at=update.declared_at,
        created_at=update.created_at,
    )


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
