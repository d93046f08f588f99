"""Applying rules to a list: what it hides, whose scores it moves, and what is shown where."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np

from domain.blend import BlendedRanking
from domain.errors import StoreUnavailableError
from domain.identifiers import ItemNo
from serving.candidates.catalogue_items import Candidates, load_eligible
from serving.lists.backfill import Backfiller
from serving.lists.explanation import RuleEffect
from serving.lists.recommendation_list import RecommendedItem, backfill_items, degraded_by
from serving.lists.request import RecommendationRequest
from serving.lists.reranking import candidate_item
from serving.postgres.store import ReadStore
from serving.rules.arrangement import Arrangement, CategoryCap, Shortage, arrange
from serving.rules.resolved_rules import ResolvedRules, contained
from serving.rules.rule_items import RuleItems
from serving.runs.live_runs import LiveRun

_MORE = 20
"""So many items more than a rule lacks are looked up for it: some may not be shown now."""
_MOST_LOOKED_UP = 1_000


@dataclass(frozen=True, slots=True)
class RankedPool:
    """A list as it is without rules, and what follows it."""

    listed: Sequence[RecommendedItem]
    others: Sequence[int]
    """What may be shown beside, best first; some of it may be in the list."""
    item: Callable[[int], RecommendedItem]
    """One of the others."""
    has_named: bool = False
    """Whether what is pinned by name is among them, if it may be shown."""

    @classmethod
    def of(cls, listed: Sequence[RecommendedItem], items: Sequence[RecommendedItem]) -> Self:
        """A list of items that are known."""
        by_number = {int(item.item_no): item for item in items}
        return cls(listed, [*by_number], by_number.__getitem__)

    @classmethod
    def of_candidates(
        cls,
        listed: Sequence[RecommendedItem],
        candidates: Candidates,
        ranked: BlendedRanking,
        named: Sequence[int],
    ) -> Self:
        """A list made of candidates; what is pinned by name has been looked up with them."""
        rank_of = {no: rank for rank, no in enumerate(ranked.item_nos.tolist())}

        def item(item_no: int) -> RecommendedItem:
            if item_no in rank_of:
                return candidate_item(candidates, ranked, rank_of[item_no])
            (found,) = backfill_items([candidates.items[item_no]])
            return found

        others = [*rank_of, *(no for no in named if no in candidates.items)]
        return cls(listed, others, item, has_named=True)


@dataclass(frozen=True, slots=True)
class Ruled:
    """A list with its rules."""

    items: tuple[RecommendedItem, ...]
    arrangement: Arrangement | None = None
    """None: no rule arranges it."""
    degraded: str | None = None

    @property
    def capped(self) -> int:
        """How many items a cap kept out of the list."""
        return self.arrangement.capped if self.arrangement else 0


class RuleApplier:
    """Applies rules; a list without rules stays as it is, and costs nothing."""

    def __init__(self, store: ReadStore, backfiller: Backfiller, rule_items: RuleItems) -> None:
        self._store = store
        self._backfiller = backfiller
        self._rule_items = rule_items

    async def resolve(self, request: RecommendationRequest) -> ResolvedRules:
        """The rules of a request with the items they are about."""
        return await self._rule_items.resolve(request.rules)

    async def arranged(
        self,
        run: LiveRun | None,
        rules: ResolvedRules,
        pool: RankedPool,
        excluded: Sequence[ItemNo],
        request: RecommendationRequest,
    ) -> Ruled:
        """The list as reserves, caps and pins want it.

        Without what would have to be looked up for them, and why, if there is no time for that.
        """
        if not rules.arranges:
            return Ruled((*pool.listed,))
        arranging = _Arranging(pool, rules, request)
        try:
            await self._add_lacking(arranging, excluded, request)
            if arranging.made.gave_way:
                listed = await self._backfiller.load_popular(run, excluded, request.filters)
                arranging.add(backfill_items(listed.items.values()))
        except StoreUnavailableError as error:
            return Ruled(arranging.items(), arranging.made, degraded_by(error))
        return Ruled(arranging.items(), arranging.made)

    async def _add_lacking(
        self, arranging: "_Arranging", excluded: Sequence[ItemNo], request: RecommendationRequest
    ) -> None:
        """Look up what is pinned by name, and what rules lack among all that is ranked."""
        wanted = arranging.lacking(excluded)
        if wanted:
            found = await load_eligible(
                self._store, wanted, excluded, request.filters, items=len(wanted)
            )
            arranging.add(backfill_items(found.items.values()))


@dataclass(eq=False, slots=True)
class _Arranging:
    """A list under way: what there is for it, and what its rules make of that."""

    pool: RankedPool
    rules: ResolvedRules
    request: RecommendationRequest
    made: Arrangement = field(init=False)
    _known: dict[int, RecommendedItem] = field(init=False)
    """What has been made of items; the others are made when they are shown."""
    _order: dict[int, None] = field(init=False)

    def __post_init__(self) -> None:
        self._known = {item.item_no: item for item in self.pool.listed}
        self._order = dict.fromkeys([*self._known, *self.pool.others])
        self._arrange()

    def lacking(self, excluded: Sequence[ItemNo]) -> list[ItemNo]:
        """Items that are to be looked up, each rule's in the order in which they are taken."""
        wanted = [] if self.pool.has_named else self.rules.named
        for shortage in self.made.shortages:
            wanted += self._of_rule(shortage, excluded)
        others = (no for no in dict.fromkeys(wanted) if no not in self._order)
        return [ItemNo(no) for no in others][:_MOST_LOOKED_UP]

    def _of_rule(self, shortage: Shortage, excluded: Sequence[ItemNo]) -> list[int]:
        if shortage.rule.selection is None:
            return []
        preferred = self.rules.items[shortage.rule.selection].preferred
        known = np.unique(np.array([*excluded, *self._order], dtype=np.int32))
        # What may be shown is near the beginning, so the rest of a long array is not looked at.
        count = shortage.count + _MORE
        first = preferred[: count + len(known)]
        return [int(no) for no in first[~contained(first, known)][:count]]

    def add(self, items: Sequence[RecommendedItem]) -> None:
        """There are these too, which may be shown."""
        new = [item for item in items if item.item_no not in self._order]
        self._known.update((item.item_no, item) for item in new)
        self._order.update(dict.fromkeys(item.item_no for item in new))
        if new:
            self._arrange()

    def items(self) -> tuple[RecommendedItem, ...]:
        """The list."""
        return tuple(self._known.get(no) or self.pool.item(no) for no in self.made.item_nos)

    def _arrange(self) -> None:
        pool = np.fromiter(self._order, dtype=np.int32, count=len(self._order))
        self.made = arrange(pool, self.request.limit, self.rules, self._category_cap())

    def _category_cap(self) -> CategoryCap | None:
        most = self.request.max_per_category
        if most is None or not self.rules.caps.rules:
            return None
        categories = {
            no: (self._known.get(no) or self.pool.item(no)).categories for no in self._order
        }
        return CategoryCap(most, categories)


def rule_effects(
    rules: ResolvedRules, before: BlendedRanking, arrangement: Arrangement | None
) -> Mapping[int, tuple[RuleEffect, ...]]:
    """By item number: what each rule did to it; `before`: without rules."""
    found: dict[int, list[RuleEffect]] = defaultdict(list)
    moving = rules.moving()
    concerned = [contained(before.item_nos, item_nos) for _, item_nos in moving]
    factors = np.ones((len(moving), len(before)))
    for row, (rule, _) in enumerate(moving):
        factors[row, concerned[row]] = rule.factor or 0.0
    for row, (rule, _) in enumerate(moving):
        others = before.scores * np.delete(factors, row, axis=0).prod(axis=0)
        change = others * factors[row] - others
        for column in np.flatnonzero(concerned[row]).tolist():
            effect = RuleEffect(rule.name, rule.do, float(change[column]))
            found[int(before.item_nos[column])].append(effect)
    for item_no, touching in (arrangement.touched if arrangement else {}).items():
        found[item_no] += [RuleEffect(rule.name, rule.do) for rule in touching]
    return {item_no: tuple(effects) for item_no, effects in found.items()}


def boosted_items(
    rules: ResolvedRules, items: Sequence[RecommendedItem]
) -> tuple[RecommendedItem, ...]:
    """Items whose scores rules have moved, in their new order."""
    ranked = rules.boosted(ranked_items(items))
    of = {item.item_no: item for item in items}
    scored = zip(ranked.item_nos.tolist(), ranked.scores.tolist(), strict=True)
    return tuple(replace(of[ItemNo(no)], score=score) for no, score in scored)


def ranked_items(items: Sequence[RecommendedItem]) -> BlendedRanking:
    """Items with their scores as a ranking that no source has."""
    item_nos = np.array([item.item_no for item in items], dtype=np.int32)
    return BlendedRanking(item_nos, np.array([item.score for item in items]), {}, {})
