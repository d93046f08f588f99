"""Rules with the items they are about, put together so that a list asks for all of them at once."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from domain.blend import BlendedRanking
from domain.identifiers import ItemNo
from serving.rules.rule import LONGEST_LIST, Rule, Selection
from serving.rules.rule_set import NO_RULES, HoldingRules, ItemNos

_NONE = np.empty(0, dtype=np.int32)

Order = NDArray[np.intp]
"""(n,) rows of a list, in another order."""


@dataclass(frozen=True, slots=True)
class SelectedItems:
    """The items of a selection that are available."""

    item_nos: ItemNos
    """Rising."""
    preferred: NDArray[np.int32]
    """The same, in the order in which they are taken where none is ranked: as they were named, or
    the newest first."""

    @classmethod
    def of(cls, item_nos: ItemNos) -> Self:
        """Items that were not named: the newest have the highest numbers."""
        return cls(item_nos, item_nos[::-1])

    @classmethod
    def named(cls, item_nos: NDArray[np.int32]) -> Self:
        """Items in the order in which they were named."""
        return cls(np.sort(item_nos), item_nos)


@dataclass(frozen=True, slots=True)
class AttributeValues:
    """What the available items have for one attribute; an item with several values comes often."""

    item_nos: NDArray[np.int32]
    """(n,) rising."""
    values: NDArray[np.int32]
    """(n,) a number for each different value, from 0."""


@dataclass(frozen=True, slots=True)
class Pin:
    """What is put at a position."""

    rule: Rule
    index: int
    """The position, from 0."""
    items: SelectedItems
    is_named: bool
    """Whether the order in which the items were named decides, and not their rank."""


@dataclass(frozen=True, slots=True)
class Groups:
    """Groups of items that some rules count; an item may be in many, or in none."""

    rules: tuple[Rule, ...]
    item_nos: NDArray[np.int32]
    """(n,) rising."""
    groups: NDArray[np.int32]
    """(n,) the group that the item is in."""
    rule_of: list[int]
    """(groups,) which of the rules counts a group."""

    @classmethod
    def of(cls, rules: Sequence[Rule], members: Sequence[AttributeValues]) -> Self:
        """Each rule with its items, of which each value is a group of its own."""
        # A rule without items has a group too, so that the group of a reserve is its index.
        counts = [int(each.values.max(initial=0)) + 1 for each in members]
        starts = np.cumsum([0, *counts])
        item_nos = np.concatenate([_NONE, *(each.item_nos for each in members)])
        numbered = zip(members, starts[:-1], strict=True)
        groups = np.concatenate([_NONE, *(each.values + start for each, start in numbered)])
        order = np.argsort(item_nos, kind="stable")
        rule_of = np.repeat(np.arange(len(rules)), counts).tolist()
        return cls(tuple(rules), item_nos[order], groups[order].astype(np.int32), rule_of)

    def members_of(self, rule: Rule) -> NDArray[np.int32]:
        """The items that a rule counts, each once."""
        counted = np.array([self.rules[index] is rule for index in self.rule_of], dtype=bool)
        return np.unique(self.item_nos[counted[self.groups]])

    def of_items(self, item_nos: NDArray[np.int32]) -> "GroupsOfItems":
        """The groups of these items, in which they are listed in the same order."""
        starts = np.searchsorted(self.item_nos, item_nos, side="left")
        ends = np.searchsorted(self.item_nos, item_nos, side="right")
        by_item = {
            item_no: self.groups[start:end].tolist()
            for item_no, start, end in zip(
                item_nos.tolist(), starts.tolist(), ends.tolist(), strict=True
            )
            if start < end
        }
        return GroupsOfItems(self, by_item)


@dataclass(frozen=True, slots=True)
class GroupsOfItems:
    """The groups of the items of one list."""

    groups: Groups
    by_item: Mapping[int, list[int]]
    """In order of the items; those without a group are absent."""

    def __getitem__(self, item_no: int) -> list[int]:
        """The groups that an item is in."""
        return self.by_item.get(item_no, _NO_GROUPS)

    def members(self) -> list[list[int]]:
        """The items of each group."""
        members: list[list[int]] = [[] for _ in self.groups.rule_of]
        for item_no, groups in self.by_item.items():
            for group in groups:
                members[group].append(item_no)
        return members

    def rule(self, group: int) -> Rule:
        """The rule that counts a group."""
        return self.groups.rules[self.groups.rule_of[group]]


_NO_GROUPS: list[int] = []


@dataclass(frozen=True, slots=True)
class ResolvedRules:
    """The rules of one request with their items."""

    holding: HoldingRules
    hidden: tuple[ItemNo, ...]
    """What no list shows."""
    moved: ItemNos
    """What is boosted or buried."""
    factors: NDArray[np.float64]
    """(n,) what its score is multiplied by, by all rules together."""
    pins: tuple[Pin, ...]
    """By position, and those of one position in the order of the rules."""
    reserves: Groups
    """One group a rule."""
    caps: Groups
    items: Mapping[Selection, SelectedItems]
    degraded: str | None = None
    """Why rules are left out; None: none is."""

    @classmethod
    def of(
        cls,
        holding: HoldingRules,
        items: Mapping[Selection, SelectedItems],
        values: Mapping[str, AttributeValues],
        degraded: str | None = None,
    ) -> Self:
        """Put rules and items together; a rule of which nothing is known is left out.

        `degraded`: why there are such rules, if there may be.
        """
        known = [rule for rule in holding.rules if _members(rule, items, values) is not None]
        moved, factors = _factors(known, items)
        return cls(
            holding,
            tuple(map(ItemNo, _union(_arrays(known, items, "hide")).tolist())),
            moved,
            factors,
            _pins(known, items),
            _groups(known, items, values, "reserve"),
            _groups(known, items, values, "cap"),
            items,
            degraded,
        )

    @property
    def named(self) -> list[int]:
        """What is pinned by name and not hidden, and shown whether anything ranks it or not."""
        named = [no for pin in self.pins if pin.is_named for no in pin.items.preferred.tolist()]
        if not named or not self.hidden:
            return named
        hidden = frozenset(self.hidden)
        return [no for no in named if no not in hidden]

    @property
    def moves(self) -> bool:
        """Whether anything is boosted or buried."""
        return bool(len(self.moved))

    @property
    def arranges(self) -> bool:
        """Whether there is anything to do beside hiding and moving scores."""
        return bool(self.pins or self.reserves.rules or self.caps.rules)

    def moving(self) -> list[tuple[Rule, ItemNos]]:
        """The rules that move scores, with their items."""
        return [
            (rule, self.items[rule.selection].item_nos)
            for rule in self.holding.rules
            if rule.do in {"boost", "bury"} and rule.selection in self.items and rule.selection
        ]

    def boosted(self, ranked: BlendedRanking) -> BlendedRanking:
        """A ranking with the scores of what is boosted and buried multiplied, in its new order."""
        if not self.moves or not contained(ranked.item_nos, self.moved).any():
            return ranked
        order = self.order_of(ranked.item_nos, ranked.scores)
        scores = _moved(ranked.scores, self._factors_of(ranked.item_nos))
        return replace(ranked, scores=scores).reordered(order)

    def after(self, shown: int) -> "ResolvedRules":
        """The same for the page of a list that follows so many items.

        Positions are counted from the beginning of the list, so that what was to be pinned on the
        pages before is not pinned again.
        """
        if not shown or not self.pins:
            return self
        pins = (replace(pin, index=pin.index - shown) for pin in self.pins if pin.index >= shown)
        return replace(self, pins=tuple(pins))

    def order_of(self, item_nos: NDArray[np.int32], scores: NDArray[np.float64]) -> Order:
        """The rows of a list, best first, once what is boosted and buried has moved.

        `scores` (n,) fall with the rows. A list without any score is weighed by the reciprocals of
        the ranks: then a boost of 2 halves a rank. In one with scores, what has none, as it only
        fills the list up, is not moved. Equal ones stay in their order, and what is buried with
        factor 0 stands behind all others.
        """
        places = np.arange(len(item_nos))
        if not self.moves or not len(item_nos):
            return places
        weighed = scores if (scores > 0).any() else np.reciprocal(places + 1.0, dtype=np.float64)
        factors = self._factors_of(item_nos)
        return np.lexsort((places, -_moved(weighed, factors), factors == 0))

    def _factors_of(self, item_nos: NDArray[np.int32]) -> NDArray[np.float64]:
        rows = np.searchsorted(self.moved, item_nos).clip(max=len(self.moved) - 1)
        return np.where(self.moved[rows] == item_nos, self.factors[rows], 1.0)


def _moved(scores: NDArray[np.float64], factors: NDArray[np.float64]) -> NDArray[np.float64]:
    """What speaks against an item does not speak less against it because it is buried."""
    return np.where(scores > 0, scores * factors, scores)


def contained(item_nos: NDArray[np.int32], among: ItemNos) -> NDArray[np.bool_]:
    """Which of some items are among others; `np.isin` would sort those again each time."""
    if not len(among):
        return np.zeros(len(item_nos), dtype=bool)
    rows = np.searchsorted(among, item_nos).clip(max=len(among) - 1)
    return np.asarray(among[rows] == item_nos)


def _union(arrays: Iterable[ItemNos]) -> ItemNos:
    return np.unique(np.concatenate([_NONE, *arrays]))


def _arrays(
    rules: Sequence[Rule], items: Mapping[Selection, SelectedItems], act: str
) -> Iterator[ItemNos]:
    return (
        items[rule.selection].item_nos
        for rule in rules
        if rule.do == act and rule.selection is not None
    )


def _factors(
    rules: Sequence[Rule], items: Mapping[Selection, SelectedItems]
) -> tuple[ItemNos, NDArray[np.float64]]:
    moving = [rule for rule in rules if rule.do in {"boost", "bury"}]
    arrays = [items[rule.selection].item_nos for rule in moving if rule.selection is not None]
    moved = _union(arrays)
    factors = np.ones(len(moved))
    for rule, item_nos in zip(moving, arrays, strict=True):
        factors[np.searchsorted(moved, item_nos)] *= rule.factor or 0.0
    return moved, factors


def _pins(rules: Sequence[Rule], items: Mapping[Selection, SelectedItems]) -> tuple[Pin, ...]:
    pins = [
        Pin(rule, rule.position - 1, items[rule.selection], rule.item_ids is not None)
        for rule in rules
        if rule.position is not None and rule.selection is not None
    ]
    return tuple(sorted(pins, key=lambda pin: pin.index))


def _groups(
    rules: Sequence[Rule],
    items: Mapping[Selection, SelectedItems],
    values: Mapping[str, AttributeValues],
    act: str,
) -> Groups:
    counting = [rule for rule in rules if rule.do == act]
    members = (_members(rule, items, values) for rule in counting)
    return Groups.of(counting, [each for each in members if each is not None])


def _members(
    rule: Rule, items: Mapping[Selection, SelectedItems], values: Mapping[str, AttributeValues]
) -> AttributeValues | None:
    """The items of a rule in groups; None: they are not known."""
    if rule.selection is None:
        return values.get(rule.attribute or "")
    found = items.get(rule.selection)
    if found is None:
        return None
    return AttributeValues(found.item_nos, np.zeros(len(found.item_nos), dtype=np.int32))


def window_of(rule: Rule) -> int:
    """In how many positions a cap counts."""
    return rule.window or LONGEST_LIST


NOTHING_RESOLVED = ResolvedRules.of(NO_RULES, {}, {})
