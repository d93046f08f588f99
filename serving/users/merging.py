"""Making one user of two: a visitor who signs in becomes somebody the app knows."""

from dataclasses import dataclass

from domain.identifiers import UserId, UserNo
from serving.access.acting import Actor
from serving.candidates.users import UserNumbers
from serving.exclusions.exclusion_cache import ExclusionCache
from serving.exclusions.exclusions import ExcludedItems
from serving.redis.answers import Answers
from serving.runtime.faults import Fault, MergedUserError, invalid_request
from serving.users.user_profiles import UserProfiles


@dataclass(frozen=True, slots=True)
class Merged:
    """What became of two users."""

    is_new: bool
    """False: they were merged before."""
    events: int
    """How many events changed hands just now."""


@dataclass(eq=False, slots=True, kw_only=True)
class UserMerger:
    """Merges users."""

    profiles: UserProfiles
    users: UserNumbers
    answers: Answers
    excluded_items: ExcludedItems
    exclusion_cache: ExclusionCache

    async def merge(self, from_id: UserId, user_id: UserId, actor: Actor) -> Merged:
        """Make the first one part of the second; harmless twice.

        When this returns it is committed, the cached answers of both are gone, and no list of the
        user shows what either has seen or disliked. MergedUserError if one of them is part of
        another user already, AccountLinkedError if both have accounts.
        """
        if from_id == user_id:
            raise invalid_request([Fault("/from", "This is the same user: name another one.")])
        row = await self.profiles.merge(from_id, user_id, actor)
        if row.outcome in {"elsewhere", "gone"}:
            merged_id = from_id if row.outcome == "elsewhere" else user_id
            raise MergedUserError(
                f"The user {merged_id!r} was merged into {row.other_id!r} before. Name that one."
            )
        # The second time too: whoever was first may have died before doing this.
        self.users.forget(from_id)
        user_no = UserNo(row.user_no)
        await self.answers.drop([user_no, UserNo(row.from_user_no)])
        await self.exclusion_cache.forget_user(from_id)
        joined = await self.excluded_items.load_exclusions([user_no])
        self.exclusion_cache.add(joined)
        await self.exclusion_cache.publish(joined)
        return Merged(row.outcome == "merged", row.events)
