"""The parameters of a request for recommendations, and interests for this request only."""

import hashlib
from dataclasses import dataclass, replace

import orjson

from domain.errors import StoreUnavailableError
from domain.identifiers import UserNo
from serving.candidates.catalogue_items import find_item_nos
from serving.candidates.filters import EVERYTHING, Filters
from serving.candidates.live_vector_inputs import WHOLE_LOG, ProfileReader
from serving.candidates.recommendations import UserState
from serving.lists.asked_blend import AS_SET, AskedBlend
from serving.lists.list_builder import RerankingPolicy
from serving.lists.recommendation_list import degraded_by
from serving.runs.live_runs import LiveRun
from serving.runtime.budget import KNOWING_THE_USER, until
from serving.runtime.faults import FaultyInputError, unknown_items
from sql.interests import Interests

LONGEST = 100
"""The most items a list may be asked for."""


@dataclass(frozen=True, slots=True)
class RequestInterests:
    """What a request says its user likes."""

    words: tuple[str, ...] = ()
    item_ids: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self.words or self.item_ids)

    def digest(self) -> str:
        """A short name of them; empty if there are none."""
        return hashlib.sha256(orjson.dumps(self)).hexdigest() if self else ""


class InterestApplier:
    """Makes live vectors of users as if they had declared interests."""

    def __init__(self, profiles: ProfileReader) -> None:
        self._profiles = profiles

    async def with_interests(
        self,
        run: LiveRun | None,
        user_no: UserNo | None,
        user: UserState,
        asked: RequestInterests,
        *,
        exclude_seen: bool,
    ) -> tuple[UserState, str | None]:
        """The user with the interests before the history, or without, and why.

        FaultyInputError if an item is unknown. StoreUnavailableError if the items that are to be
        left out cannot be looked up: then only the fallback may be shown.
        """
        if not asked:
            return user, None
        named_are_out = not (exclude_seen and asked.item_ids)
        try:
            with until(KNOWING_THE_USER):
                interests = await self._interests(asked)
                if exclude_seen:
                    excluded = (*user.excluded, *interests.item_nos)
                    user = replace(user, excluded=excluded)
                    named_are_out = True
                return await self._with_vector(run, user_no, user, interests), None
        except StoreUnavailableError as error:
            if not named_are_out:
                raise
            return user, degraded_by(error)

    async def _interests(self, asked: RequestInterests) -> Interests:
        found = await find_item_nos(self._profiles.store, asked.item_ids) if asked.item_ids else {}
        named = {f"query:interest_item.{no}": item for no, item in enumerate(asked.item_ids)}
        faults = unknown_items(named, found)
        if faults:
            detail = f"The request is not valid: {len(faults)} of the items are unknown."
            raise FaultyInputError(detail, faults)
        return Interests(asked.words, tuple(found[item_id] for item_id in asked.item_ids))

    async def _with_vector(
        self, run: LiveRun | None, user_no: UserNo | None, user: UserState, interests: Interests
    ) -> UserState:
        if run is None:
            return user
        vector = await self._profiles.load_live_vector(run.run_id, user_no, interests)
        if vector is None:
            return user
        return replace(
            user,
            embedding=vector.embedding,
            following=vector.following,
            known=WHOLE_LOG,
            extra_interests=interests,
        )


_NO_INTERESTS = RequestInterests()


@dataclass(frozen=True, slots=True)
class RecommendationRequest:
    """The parameters of a request for recommendations."""

    limit: int
    exclude_seen: bool = True
    """False: only items the user disliked or hid stay out."""
    explain: bool = False
    """Whether to say which of the user's own items brought each one."""
    interests: RequestInterests = _NO_INTERESTS
    """What the user likes as well, for this list only."""
    filters: Filters = EVERYTHING
    explore: float | None = None
    """Share of the positions that go to new items, in [0, 0.5]; None, as below: the default."""
    diversity: float | None = None
    """How dissimilar the items are to be, in [0, 1]."""
    max_per_category: int | None = None
    """How many items of one category, as long as others are eligible."""
    blend: AskedBlend = AS_SET
    """How the sources are weighed, where it is not to be as the settings say."""

    def with_defaults(self, policy: RerankingPolicy) -> "RecommendationRequest":
        """The same, with the defaults of the policy where nothing was asked."""
        return replace(
            self,
            explore=policy.explore if self.explore is None else self.explore,
            diversity=policy.diversity if self.diversity is None else self.diversity,
            max_per_category=self.max_per_category or policy.max_per_category,
        )
