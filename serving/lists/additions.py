"""What a request adds to its user: interests, and a basket of items that were just used."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

from domain.errors import StoreUnavailableError
from domain.identifiers import ItemNo, UserNo
from serving.candidates.catalogue_items import find_item_nos
from serving.candidates.live_vector_inputs import WHOLE_LOG, Additions, ProfileReader
from serving.candidates.user_state import UserState
from serving.lists.recommendation_list import degraded_by
from serving.lists.request import RecommendationRequest
from serving.runs.live_runs import LiveRun
from serving.runtime.budget import KNOWING_THE_USER, until
from serving.runtime.faults import FaultyInputError, unknown_items
from sql.interests import Interests


class AdditionApplier:
    """Makes live vectors of users as if they had declared and used more than they have."""

    def __init__(self, profiles: ProfileReader) -> None:
        self._profiles = profiles

    async def with_additions(
        self,
        run: LiveRun | None,
        user_no: UserNo | None,
        user: UserState,
        request: RecommendationRequest,
    ) -> tuple[UserState, str | None]:
        """The user with what the request adds, or without, and why.

        Interests stand before the history, and the basket after it. FaultyInputError if an item is
        unknown. StoreUnavailableError if the items that are to be left out cannot be looked up:
        then only the fallback may be shown.
        """
        if not (request.interests or request.basket):
            return user, None
        left_out = request.left_out_ids()
        named_are_out = not left_out
        try:
            with until(KNOWING_THE_USER):
                numbers = await self._numbers(request)
                excluded = (*user.excluded, *(numbers[item_id] for item_id in left_out))
                user = replace(user, excluded=excluded)
                named_are_out = True
                added = _additions(request, numbers)
                return await self._with_vector(run, user_no, user, added), None
        except StoreUnavailableError as error:
            if not named_are_out:
                raise
            return user, degraded_by(error)

    async def _numbers(self, request: RecommendationRequest) -> Mapping[str, ItemNo]:
        item_ids = request.named_ids()
        found = await find_item_nos(self._profiles.store, item_ids) if item_ids else {}
        faults = unknown_items(_pointers(request), found)
        if faults:
            detail = f"The request is not valid: {len(faults)} of the items are unknown."
            raise FaultyInputError(detail, faults)
        return found

    async def _with_vector(
        self, run: LiveRun | None, user_no: UserNo | None, user: UserState, added: Additions
    ) -> UserState:
        if run is None:
            return user
        vector = await self._profiles.load_live_vector(run.run_id, user_no, added)
        if vector is None:
            return user
        return replace(
            user,
            embedding=vector.embedding,
            following=vector.following,
            known=WHOLE_LOG,
            events_since_cut_off=user.events_since_cut_off + len(added.used),
            added=added,
            vector_at=datetime.now(UTC),
        )


def _additions(request: RecommendationRequest, numbers: Mapping[str, ItemNo]) -> Additions:
    interests = request.interests
    return Additions(
        Interests(interests.words, tuple(numbers[item_id] for item_id in interests.item_ids)),
        tuple((numbers[item.item_id], item.weight) for item in request.basket),
    )


def _pointers(request: RecommendationRequest) -> dict[str, str]:
    """Where each item is named."""
    where = "/interest_item/" if request.in_body else "query:interest_item."
    interests = {f"{where}{no}": item for no, item in enumerate(request.interests.item_ids)}
    basket = {f"/items/{no}/item_id": item.item_id for no, item in enumerate(request.basket)}
    return {**interests, **basket}
