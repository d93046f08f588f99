"""Users' lists under a draft of a placement beside those of now, and what moved.

They are made as apps get them. Nothing is cached, and looking is no impression.
"""

import asyncio
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace

from domain.errors import TandemError
from domain.identifiers import ItemNo, UserId
from serving.answering.own_values import AttributesReader, OwnValues
from serving.candidates.catalogue_items import load_eligible
from serving.lists.request import RecommendationRequest
from serving.placements.current_placements import CurrentPlacements
from serving.placements.definition import EVERYWHERE, PlacementDefinition
from serving.placements.placement import AskedList, Placement
from serving.postgres.store import ReadStore
from serving.recommendations.many_users import ManyUsers
from serving.recommendations.move_causes import Cause, Causes, Move, PlacedResult
from serving.recommendations.recommend import Recommender, UncachedKind
from sql.statements import statements

_PLACEMENTS = statements("placements")

_ASKED = RecommendationRequest(20, use_cache=False)


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
        after = drafted(before, name, definition)

        async def both(user_id: UserId) -> PreviewedLists:
            requests = [
                await self._request(placement, user_id, context) for placement in (before, after)
            ]
            # What rules did is only asked for where they may be the cause of a move.
            explain = requests[0].rules.key != requests[1].rules.key
            now, then = await asyncio.gather(
                *(self._list(replace(each, explain=explain), user_id) for each in requests)
            )
            return PreviewedLists(now, then, await self._moves(user_id, now, then))

        return await self.many_users.each(user_ids, both)

    async def _request(
        self, placement: Placement, user_id: UserId, context: Mapping[str, str]
    ) -> RecommendationRequest:
        placed = placement.placed(AskedList(_ASKED, False, False, context=context))
        own_values = OwnValues(self.users, may_see_users=True)
        request = await placed.for_user(user_id, own_values, "/definition/filter")
        return request.with_defaults(self.recommender.reranking)

    async def _list(self, request: RecommendationRequest, user_id: UserId) -> PlacedResult:
        kind = UncachedKind(self.recommender)
        answer = await self.recommender.pipeline.answer(kind, request, user_id)
        rules = await self.recommender.rule_items.resolve(request.rules)
        return PlacedResult(request, answer.result, rules)

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
        causes = Causes.between(before, after)
        return [
            causes.move(items[item_no], barred.get(item_no))
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


def drafted(in_force: Placement, name: str, definition: PlacementDefinition) -> Placement:
    """What would be decided; a draft of the rules of all placements leaves the placement's own."""
    if name == EVERYWHERE:
        return replace(in_force, everywhere_rules=definition.rules)
    return replace(in_force, name=name, definition=definition)
