"""Users' lists under a draft of a placement beside those of now, and what moved.

They are made as apps get them. Nothing is cached, and looking is no impression.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Literal

from domain.errors import TandemError
from domain.identifiers import ItemNo, UserId
from serving.answering.own_values import AttributesReader, OwnValues
from serving.candidates.catalogue_items import load_eligible
from serving.lists.recommendation_list import OF_EVERYBODY, RecommendationList, RecommendedItem
from serving.lists.request import RecommendationRequest
from serving.placements.current_placements import CurrentPlacements
from serving.placements.definition import PlacementDefinition
from serving.placements.placement import AskedList, Placement
from serving.postgres.store import ReadStore
from serving.recommendations.many_users import ManyUsers
from serving.recommendations.recommend import Recommender, UncachedKind
from sql.statements import statements

_PLACEMENTS = statements("placements")

Cause = Literal["limit", "filter", "seen", "fallback", "explored", "blend", "reranking", "others"]
_ASKED = RecommendationRequest(20, use_cache=False)


@dataclass(frozen=True, slots=True)
class Move:
    """An item that stands elsewhere under the draft."""

    item_id: str
    title: str
    before: int | None
    """Its rank now, from 1; None: it is not in the list."""
    after: int | None
    """The same under the draft."""
    cause: Cause


@dataclass(frozen=True, slots=True)
class PlacedResult:
    """A list, and what it was asked to be."""

    request: RecommendationRequest
    made: RecommendationList

    @property
    def ranks(self) -> Mapping[ItemNo, int]:
        """From 1."""
        return {item.item_no: rank for rank, item in enumerate(self.made.items, 1)}


@dataclass(frozen=True, slots=True)
class PreviewedLists:
    """What one user gets now, and would get."""

    before: PlacedResult
    after: PlacedResult
    moves: Sequence[Move]
    """In the order of the draft's list, then those that are gone."""


@dataclass(eq=False, slots=True, kw_only=True)
class PlacementPreview:
    """Makes previews."""

    store: ReadStore
    placements: CurrentPlacements
    recommender: Recommender
    many_users: ManyUsers
    users: AttributesReader

    def in_force(self, name: str) -> Placement:
        """What lists at a placement are made by now: of a new one as of the default."""
        found = self.placements.find_at_hand(name) or self.placements.find_at_hand(None)
        assert found is not None  # noqa: S101 -- the default always exists
        return found

    async def draw_users(self, count: int, seed: int) -> Sequence[UserId]:
        """Up to so many users, the same for a seed."""
        parameters = {"users": count, "seed": seed}
        rows = await self.store.rows(_PLACEMENTS["draw_users"], parameters)
        return [UserId(row.user_id) for row in rows]

    async def preview(
        self,
        name: str,
        definition: PlacementDefinition,
        user_ids: Sequence[UserId],
        context: Mapping[str, str],
    ) -> Sequence[PreviewedLists | TandemError]:
        """The lists of each user, in their order, or why there are none."""
        before = self.in_force(name)
        after = Placement(name, before.version, definition, before.everywhere_version)

        async def both(user_id: UserId) -> PreviewedLists:
            now, then = await asyncio.gather(
                self._list(before, user_id, context), self._list(after, user_id, context)
            )
            return PreviewedLists(now, then, await self._moves(user_id, now, then))

        return await self.many_users.each(user_ids, both)

    async def _list(
        self, placement: Placement, user_id: UserId, context: Mapping[str, str]
    ) -> PlacedResult:
        placed = placement.placed(AskedList(_ASKED, False, False, context=context))
        own_values = OwnValues(self.users, may_see_users=True)
        request = await placed.for_user(user_id, own_values, "/definition/filter")
        complete = request.with_defaults(self.recommender.reranking)
        kind = UncachedKind(self.recommender)
        answer = await self.recommender.pipeline.answer(kind, complete, user_id)
        return PlacedResult(complete, answer.result)

    async def _moves(
        self, user_id: UserId, before: PlacedResult, after: PlacedResult
    ) -> Sequence[Move]:
        old, new = before.ranks, after.ranks
        seen = await self._seen(user_id, before.request, after.request)
        barred = {
            **await self._barred(before.request, new.keys() - old.keys(), seen),
            **await self._barred(after.request, old.keys() - new.keys(), seen),
        }
        items = {item.item_no: item for each in (before, after) for item in each.made.items}
        order = [*new, *(item_no for item_no in old if item_no not in new)]
        return [
            Move(
                items[item_no].item_id,
                items[item_no].title,
                old.get(item_no),
                new.get(item_no),
                barred.get(item_no) or _cause(items[item_no], before, after),
            )
            for item_no in order
            if old.get(item_no) != new.get(item_no)
        ]

    async def _seen(self, user_id: UserId, *requests: RecommendationRequest) -> AbstractSet[ItemNo]:
        """What only one of both lists leaves out because the user has seen it."""
        if len({request.exclude_seen for request in requests}) == 1:
            return frozenset()
        known = (await self.recommender.pipeline.exclusions.find(user_id)).exclusions
        return known.of(exclude_seen=True) - known.of(exclude_seen=False)

    async def _barred(
        self,
        request: RecommendationRequest,
        item_nos: AbstractSet[ItemNo],
        seen: AbstractSet[ItemNo],
    ) -> Mapping[ItemNo, Cause]:
        """Those of the items that may not be in a list, each with the reason."""
        if not item_nos:
            return {}
        numbers = sorted(item_nos)
        passing = await load_eligible(self.store, numbers, (), request.filters, items=len(numbers))
        barred: dict[ItemNo, Cause] = dict.fromkeys(item_nos - passing.items.keys(), "filter")
        if request.exclude_seen:
            barred |= dict.fromkeys(item_nos & seen, "seen")
        return barred


def _cause(item: RecommendedItem, before: PlacedResult, after: PlacedResult) -> Cause:
    """Why an item that both lists may have stands elsewhere."""
    old, new = before.ranks, after.ranks
    item_no = item.item_no
    if item_no in old and item_no in new:
        return _cause_of_move(item, before, after)
    ranks, other = (old, after) if item_no in old else (new, before)
    if ranks[item_no] > other.request.limit:
        return "limit"
    if _other_fallback(before.made, after.made):
        return "fallback"
    if item.explored:
        return "explored"
    return _difference(before.request, after.request)


def _other_fallback(before: RecommendationList, after: RecommendationList) -> bool:
    """Whether nothing is known of the user, who gets another list."""
    strategies = {before.strategy, after.strategy}
    return len(strategies) > 1 and strategies <= OF_EVERYBODY


def _cause_of_move(item: RecommendedItem, before: PlacedResult, after: PlacedResult) -> Cause:
    shared = before.ranks.keys() & after.ranks.keys()
    ranks = [
        _rank_among(shared, (each.item_no for each in result.made.items), item.item_no)
        for result in (before, after)
    ]
    if ranks[0] == ranks[1]:
        return "others"
    if _other_fallback(before.made, after.made):
        return "fallback"
    return _difference(before.request, after.request)


def _rank_among(shared: AbstractSet[ItemNo], listed: Iterable[ItemNo], item_no: ItemNo) -> int:
    return [each for each in listed if each in shared].index(item_no)


def _difference(before: RecommendationRequest, after: RecommendationRequest) -> Cause:
    """What of the requests orders eligible items otherwise."""
    if before.blend != after.blend:
        return "blend"
    reranking = [
        (each.diversity, each.explore, each.max_per_category, each.not_again_seconds)
        for each in (before, after)
    ]
    return "reranking" if reranking[0] != reranking[1] else "others"
