"""Giving the places of a list to candidates: an order that is diverse, caps, and new items."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from domain.blend import BlendedRanking
from domain.diversity import POOL, diverse_order
from domain.errors import StoreUnavailableError
from domain.identifiers import ItemNo
from serving.budget import SEARCHING, until
from serving.repositories.candidates import Candidates, NewItems
from serving.repositories.recommendations import Recommendations
from serving.repositories.runs import LiveRun
from serving.services.lists.directions import Directions
from serving.services.lists.made_list import RecommendedItem, degraded_by
from serving.services.lists.request import RecommendationRequest
from serving.services.lists.slots import Draft, Turn, drafted, explored_places

NEAREST_NEW_ITEMS = 10
"""So many of the new items nearest to a user take turns; those after them only fill long lists."""


class Arranger:
    """Arranges what was blended."""

    def __init__(self, recommendations: Recommendations, *, new_item_users: int) -> None:
        self._directions = Directions(recommendations)
        self._new_item_users = new_item_users

    def new_items(self, request: RecommendationRequest, turn: Turn) -> NewItems:
        """Which new items to look for; none if the list has no place for one."""
        places = _places(request, turn)
        if not places:
            return NewItems()
        return NewItems(
            count=len(places) + NEAREST_NEW_ITEMS,
            fewer_users_than=self._new_item_users,
            from_users=int(turn.level * self._new_item_users),
            start=turn.start,
        )

    async def arranged(
        self,
        run: LiveRun,
        candidates: Candidates,
        ranked: BlendedRanking,
        request: RecommendationRequest,
        turn: Turn,
    ) -> tuple[Draft, str | None]:
        """The places that candidates can fill, and why it is less than was asked, if it is.

        RunGoneError if the run was dropped.
        """
        ranked, degraded = await self._diversified(run, ranked, request)
        # Without caps nobody is passed over, and what comes later is not needed.
        ranks = range(len(ranked) if request.max_per_category else min(request.limit, len(ranked)))
        items = [_item(candidates, ranked, rank) for rank in ranks]
        rank_of = {no: rank for rank, no in enumerate(ranked.item_nos.tolist())}
        new = [
            _new_item(candidates, ranked, no, rank_of.get(no))
            for no in _in_turn(candidates.new, turn)
        ]
        return drafted(
            request.limit, request.max_per_category, items, new, _places(request, turn)
        ), degraded

    async def _diversified(
        self, run: LiveRun, ranked: BlendedRanking, request: RecommendationRequest
    ) -> tuple[BlendedRanking, str | None]:
        """The ranking with its best in a more diverse order; as it was, if that takes too long."""
        if not request.diversity:
            return ranked, None
        best = ranked.top(POOL * request.limit)
        try:
            with until(SEARCHING):
                directions = await self._directions.load(run.run_id, best.item_nos)
        except StoreUnavailableError as error:
            return ranked, degraded_by(error)
        order = diverse_order(
            best.item_nos, best.scores, directions, request.diversity, request.limit
        )
        return ranked.reordered(np.concatenate([order, np.arange(len(best), len(ranked))])), None


def _places(request: RecommendationRequest, turn: Turn) -> frozenset[int]:
    return explored_places(request.limit, request.explore or 0.0, turn.place)


def _in_turn(new: Sequence[ItemNo], turn: Turn) -> list[ItemNo]:
    """The nearest first, from another one on each hour, whatever the length of the list."""
    return [*turn.rotated(new[:NEAREST_NEW_ITEMS]), *new[NEAREST_NEW_ITEMS:]]


def _item(candidates: Candidates, ranked: BlendedRanking, rank: int) -> RecommendedItem:
    named = candidates.items[ItemNo(int(ranked.item_nos[rank]))]
    return RecommendedItem(
        named.item_no,
        named.item_id,
        named.title,
        float(ranked.scores[rank]),
        {name: float(scores[rank]) for name, scores in ranked.by_source.items()},
        categories=named.categories,
    )


def _new_item(
    candidates: Candidates, ranked: BlendedRanking, item_no: ItemNo, rank: int | None
) -> RecommendedItem:
    """A new item with the scores it has, if it is a candidate by itself."""
    if rank is not None:
        return replace(_item(candidates, ranked, rank), explored=True)
    named = candidates.items[item_no]
    return RecommendedItem(
        item_no, named.item_id, named.title, 0.0, explored=True, categories=named.categories
    )
