"""Applying rules to a list: what it hides, whose scores it moves, and what is shown where."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter

import numpy as np

from domain.blend import BlendedRanking
from domain.errors import StoreUnavailableError
from domain.identifiers import ItemNo
from serving.candidates.catalogue_items import Candidates, load_eligible
from serving.lists.arranging import Arranging, RankedPool
from serving.lists.backfill import Backfiller
from serving.lists.explanation import RuleEffect
from serving.lists.recommendation_list import RecommendedItem, backfill_items, degraded_by
from serving.lists.request import RecommendationRequest
from serving.lists.reranking import candidate_item
from serving.postgres.store import ReadStore
from serving.rules.arrangement import Arrangement
from serving.rules.resolved_rules import ResolvedRules, contained
from serving.rules.rule_items import RuleItems
from serving.runs.live_runs import LiveRun


def pool_of_candidates(
    listed: Sequence[RecommendedItem],
    candidates: Candidates,
    ranked: BlendedRanking,
    named: Sequence[int],
) -> RankedPool[RecommendedItem]:
    """A list made of candidates; what is pinned by name has been looked up with them."""
    rank_of = {no: rank for rank, no in enumerate(ranked.item_nos.tolist())}

    def item(item_no: int) -> RecommendedItem:
        if item_no in rank_of:
            return candidate_item(candidates, ranked, rank_of[item_no])
        (found,) = backfill_items([candidates.items[item_no]])
        return found

    others = [*rank_of, *(no for no in named if no in candidates.items)]
    return RankedPool(listed, others, item, has_named=True)


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
        """The rules of a request with the items they are about, as they are for its page."""
        return (await self._rule_items.resolve(request.rules)).after(len(request.shown))

    async def arranged(
        self,
        run: LiveRun | None,
        rules: ResolvedRules,
        pool: RankedPool[RecommendedItem],
        excluded: Sequence[ItemNo],
        request: RecommendationRequest,
    ) -> Ruled:
        """The list as reserves, caps and pins want it.

        Without what would have to be looked up for them, and why, if there is no time for that.
        """
        if not rules.arranges:
            return Ruled((*pool.listed,))
        arranging = Arranging(
            pool, rules, request.limit, attrgetter("categories"), request.max_per_category
        )
        try:
            await self._add_lacking(arranging, excluded, request)
            if arranging.made.gave_way:
                listed = await self._backfiller.load_popular(run, excluded, request.filters)
                arranging.add(backfill_items(listed.items.values()))
        except StoreUnavailableError as error:
            return Ruled(arranging.items(), arranging.made, degraded_by(error))
        return Ruled(arranging.items(), arranging.made)

    async def _add_lacking(
        self,
        arranging: Arranging[RecommendedItem],
        excluded: Sequence[ItemNo],
        request: RecommendationRequest,
    ) -> None:
        """Look up what is pinned by name, and what rules lack among all that is ranked."""
        wanted = arranging.lacking(excluded)
        if wanted:
            found = await load_eligible(self._store, wanted, (), request.filters, items=len(wanted))
            arranging.add(backfill_items(found.items.values()))


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
    if not rules.moves:
        return (*items,)
    ranked = ranked_items(items)
    boosted = rules.boosted(ranked)
    scores = dict(zip(boosted.item_nos.tolist(), boosted.scores.tolist(), strict=True))
    return tuple(
        replace(items[row], score=scores[items[row].item_no])
        for row in rules.order_of(ranked.item_nos, ranked.scores).tolist()
    )


def ranked_items(items: Sequence[RecommendedItem]) -> BlendedRanking:
    """Items with their scores as a ranking that no source has."""
    item_nos = np.array([item.item_no for item in items], dtype=np.int32)
    return BlendedRanking(item_nos, np.array([item.score for item in items]), {}, {})
