"""Why an item stands elsewhere in a list under a draft than in the list of now."""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Literal, Self

from domain.identifiers import ItemNo
from serving.lists.recommendation_list import OF_EVERYBODY, RecommendationList, RecommendedItem
from serving.lists.request import RecommendationRequest
from serving.rules.resolved_rules import ResolvedRules
from serving.rules.rule_set import HoldingRules

Cause = Literal[
    "limit", "filter", "seen", "rules", "fallback", "explored", "blend", "reranking", "others"
]


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
    rules: Sequence[str] = ()
    """Which rules did it; empty for any other cause."""


@dataclass(frozen=True, slots=True)
class PlacedResult:
    """A list, what it was asked to be, and the items its rules are about."""

    request: RecommendationRequest
    made: RecommendationList
    rules: ResolvedRules

    @property
    def ranks(self) -> Mapping[ItemNo, int]:
        """From 1."""
        return {item.item_no: rank for rank, item in enumerate(self.made.items, 1)}

    def rules_at(self, item: RecommendedItem) -> Sequence[str]:
        """The rules that did something to an item of this list, or keep it out of it."""
        if item.item_no not in self.ranks:
            return [*self._keeping_out(item.item_no, "hide")]
        explanation = self.made.explanation
        return (
            [each.name for each in explanation.rules.get(item.item_id, ())] if explanation else []
        )

    def caps_of(self, item_no: ItemNo) -> Sequence[str]:
        """The caps that count an item which is not in the list."""
        return [] if item_no in self.ranks else [*self._keeping_out(item_no, "cap")]

    def _keeping_out(self, item_no: ItemNo, act: str) -> Iterable[str]:
        for rule in self.rules.holding.rules:
            if rule.do != act:
                continue
            selected = self.rules.items.get(rule.selection) if rule.selection else None
            concerned = selected.item_nos if selected else self.rules.caps.members_of(rule)
            if item_no in concerned:
                yield rule.name


@dataclass(frozen=True, slots=True)
class Causes:
    """Finds the cause of each move between two lists."""

    before: PlacedResult
    after: PlacedResult
    changed_rules: AbstractSet[str]
    """Rules that hold for one of both lists alone, or say something else in the other."""

    @classmethod
    def between(cls, before: PlacedResult, after: PlacedResult) -> Self:
        """Those of the moves from one list to the other."""
        return cls(before, after, changed_rules(before.request.rules, after.request.rules))

    def move(self, item: RecommendedItem, barred: Cause | None) -> Move:
        """The move of an item; `barred`: why one of the lists must not have it."""
        before, after = (each.ranks.get(item.item_no) for each in (self.before, self.after))
        if barred is not None:
            return Move(item.item_id, item.title, before, after, barred)
        cause, rules = self._cause(item)
        return Move(item.item_id, item.title, before, after, cause, rules)

    def _cause(self, item: RecommendedItem) -> tuple[Cause, Sequence[str]]:
        """Why an item that both lists may have stands elsewhere."""
        touching = self._changed(each.rules_at(item) for each in (self.before, self.after))
        if touching:
            return "rules", touching
        if item.item_no in self.before.ranks and item.item_no in self.after.ranks:
            return self._cause_of_move(item), ()
        has_it = item.item_no in self.before.ranks
        listed, other = (self.before, self.after) if has_it else (self.after, self.before)
        return self._cause_of_absence(item, listed, other)

    def _cause_of_absence(
        self, item: RecommendedItem, listed: PlacedResult, other: PlacedResult
    ) -> tuple[Cause, Sequence[str]]:
        if listed.ranks[item.item_no] > other.request.limit:
            return "limit", ()
        capping = self._changed([other.caps_of(item.item_no)])
        if capping:
            return "rules", capping
        if self._has_other_fallback():
            return "fallback", ()
        return ("explored" if item.explored else self._difference()), ()

    def _changed(self, named: Iterable[Sequence[str]]) -> Sequence[str]:
        found = dict.fromkeys(name for names in named for name in names)
        return [name for name in found if name in self.changed_rules]

    def _has_other_fallback(self) -> bool:
        """Whether nothing is known of the user, who gets another list."""
        strategies = {self.before.made.strategy, self.after.made.strategy}
        return len(strategies) > 1 and strategies <= OF_EVERYBODY

    def _cause_of_move(self, item: RecommendedItem) -> Cause:
        shared = self.before.ranks.keys() & self.after.ranks.keys()
        ranks = [
            _rank_among(shared, result.ranks, item.item_no) for result in (self.before, self.after)
        ]
        if ranks[0] == ranks[1]:
            return "others"
        return "fallback" if self._has_other_fallback() else self._difference()

    def _difference(self) -> Cause:
        """What of the requests orders eligible items otherwise."""
        before, after = self.before.request, self.after.request
        if before.blend != after.blend:
            return "blend"
        reranking = [
            (each.diversity, each.explore, each.max_per_category, each.not_again_seconds)
            for each in (before, after)
        ]
        return "reranking" if reranking[0] != reranking[1] else "others"


def changed_rules(before: HoldingRules, after: HoldingRules) -> frozenset[str]:
    """The names of rules that are not the same in both."""
    changed = [rule for rule in before.rules if rule not in after.rules]
    changed += [rule for rule in after.rules if rule not in before.rules]
    return frozenset(rule.name for rule in changed)


def _rank_among(shared: AbstractSet[ItemNo], listed: Iterable[ItemNo], item_no: ItemNo) -> int:
    return [each for each in listed if each in shared].index(item_no)
