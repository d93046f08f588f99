"""What reserve, cap and pin make of a list: which items it shows, and where.

Positions that pins take are filled first, so that what is reserved and capped counts them too. Of
the items that follow, the list has the first; what is reserved takes the places of the last ones
that no rule reserves. Then each position gets the first item that no cap forbids there. A cap gives
way where every item is forbidden: a list is never too short for it.
"""

from bisect import bisect, insort
from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from serving.rules.resolved_rules import GroupsOfItems, Pin, ResolvedRules, contained, window_of
from serving.rules.rule import LONGEST_LIST, Rule

Pool = NDArray[np.int32]
"""(n,) what may be shown, best first: the list as it is without rules, and what follows it."""


@dataclass(frozen=True, slots=True)
class CategoryCap:
    """What a request says of categories: at most so many items of each in its list."""

    most: int
    categories: Mapping[int, Sequence[str]]
    """Of each item."""


@dataclass(frozen=True, slots=True)
class Arrangement:
    """A list as its rules want it."""

    item_nos: list[int]
    """In order; as many as asked for, or all there are."""
    touched: Mapping[int, tuple[Rule, ...]]
    """The rules that pinned an item, brought it into the list, or kept it from a position."""
    capped: int
    """How many items a cap kept out of the list."""
    gave_way: bool
    """Whether a cap is not kept because nothing else could be shown."""
    shortages: tuple["Shortage", ...] = ()
    """What pins and reserves found too little of."""


@dataclass(frozen=True, slots=True)
class Shortage:
    """Items that a rule lacks in a pool."""

    rule: Rule
    count: int


def arrange(
    pool: Pool, limit: int, rules: ResolvedRules, category_cap: CategoryCap | None = None
) -> Arrangement:
    """The list of up to `limit` items of a pool, which must have each item once."""
    pinned = _pinned(pool, limit, rules.pins)
    taken = {item_no for item_no, _ in pinned.values()}
    order = [no for no in pool.tolist() if no not in taken]
    touched: dict[int, list[Rule]] = defaultdict(list)
    for item_no, rule in pinned.values():
        touched[item_no].append(rule)
    shortages = _empty_pins(pinned, limit, rules.pins)
    if rules.reserves.rules:
        groups = rules.reserves.of_items(pool)
        reserving = _Reserving(groups, order, limit - len(pinned), taken)
        order = reserving.reserved(touched)
        shortages += reserving.shortages(limit)
    places = {index: item_no for index, (item_no, _) in pinned.items()}
    capping = None
    if rules.caps.rules:
        capping = _Capping(rules.caps.of_items(pool), category_cap, limit)
        placed = capping.placed(order, places)
        for item_no, rule in capping.passed.items():
            touched[item_no].append(rule)
    else:
        placed = _placed(order, limit, places)
    return Arrangement(
        placed,
        {item_no: tuple(each) for item_no, each in touched.items()},
        len(capping.passed.keys() - set(placed)) if capping else 0,
        capping is not None and capping.gave_way,
        tuple(shortages),
    )


def _empty_pins(
    pinned: Mapping[int, tuple[int, Rule]], limit: int, pins: Sequence[Pin]
) -> list[Shortage]:
    """What is pinned by name is looked up in any case, so that it may only be others."""
    return [
        Shortage(pin.rule, 1)
        for pin in pins
        if pin.index < limit and pin.index not in pinned and not pin.is_named
    ]


def _pinned(pool: Pool, limit: int, pins: Sequence[Pin]) -> dict[int, tuple[int, Rule]]:
    """The item of each pinned position; of several pins, the first that has one left."""
    pinned: dict[int, tuple[int, Rule]] = {}
    taken = set[int]()
    in_order = np.sort(pool)
    for pin in pins:
        if pin.index >= limit or pin.index in pinned:
            continue
        if pin.is_named:
            found = pin.items.preferred[contained(pin.items.preferred, in_order)]
        else:
            found = pool[contained(pool, pin.items.item_nos)]
        item_no = next((no for no in found.tolist() if no not in taken), None)
        if item_no is not None:
            pinned[pin.index] = (item_no, pin.rule)
            taken.add(item_no)
    return pinned


@dataclass(eq=False, slots=True)
class _Reserving:
    """Brings what is reserved among the first items of an order."""

    groups: GroupsOfItems
    order: list[int]
    free: int
    """So many of the order are in the list."""
    pinned: set[int]
    _counts: list[int] = field(default_factory=list, init=False)
    """How many of each group are in the list."""

    def reserved(self, touched: dict[int, list[Rule]]) -> list[int]:
        """The order with what is reserved among the first."""
        listed, rest = self.order[: self.free], set(self.order[self.free :])
        rules = self.groups.groups.rules
        self._counts = [0] * len(rules)
        for item_no in (*listed, *self.pinned):
            for group in self.groups[item_no]:
                self._counts[group] += 1
        brought = set[int]()
        members = self.groups.members()
        for group, rule in enumerate(rules):
            missing = max((rule.at_least or 0) - self._counts[group], 0)
            waiting = (no for no in members[group] if no in rest and no not in brought)
            for item_no in [*islice(waiting, missing)]:
                leaving = self._last_that_may_leave(listed, group)
                if leaving is None:
                    break
                self._exchange(listed, leaving, item_no)
                brought.add(item_no)
                touched[item_no].append(rule)
                if leaving in brought:
                    brought.remove(leaving)
                    del touched[leaving]
        if not brought:
            return self.order
        among = set(listed)
        return [
            *(no for no in self.order if no in among),
            *(no for no in self.order if no not in among),
        ]

    def shortages(self, limit: int) -> list[Shortage]:
        """What too few of are in the list."""
        return [
            Shortage(rule, missing)
            for rule, count in zip(self.groups.groups.rules, self._counts, strict=True)
            if (missing := min(rule.at_least or 0, limit) - count) > 0
        ]

    def _exchange(self, listed: list[int], leaving: int, coming: int) -> None:
        listed.remove(leaving)
        listed.append(coming)
        for group in self.groups[coming]:
            self._counts[group] += 1
        for group in self.groups[leaving]:
            self._counts[group] -= 1

    def _last_that_may_leave(self, listed: Sequence[int], group: int) -> int | None:
        """The last item that is not of a group, and that no other group lacks then."""
        rules = self.groups.groups.rules
        spare = {
            each for each, rule in enumerate(rules) if self._counts[each] > (rule.at_least or 0)
        }
        for item_no in reversed(listed):
            groups = self.groups[item_no]
            if group not in groups and spare.issuperset(groups):
                return item_no
        return None


@dataclass(eq=False, slots=True)
class _Capping:
    """Fills positions with the first items that no cap forbids there."""

    groups: GroupsOfItems
    category_cap: CategoryCap | None
    limit: int
    passed: dict[int, Rule] = field(default_factory=dict)
    """What a rule kept from a position, with the first rule that did."""
    gave_way: bool = False
    _filled: dict[Hashable, list[int]] = field(default_factory=lambda: defaultdict(list))
    """The positions that items of each group have, rising."""

    def placed(self, order: Sequence[int], places: Mapping[int, int]) -> list[int]:
        """The items in their positions; `places`: what is pinned, by position."""
        remaining = list(order)
        for index, item_no in places.items():
            self._note(item_no, index)
        result = []
        for index in range(self.limit):
            if index in places:
                result.append(places[index])
            elif remaining:
                item_no = remaining.pop(self._first_allowed(remaining, index))
                self._note(item_no, index)
                result.append(item_no)
        return result

    def _first_allowed(self, remaining: Sequence[int], index: int) -> int:
        for row, item_no in enumerate(remaining):
            forbidding = self._forbidding(item_no, index)
            if forbidding is False:
                return row
            if isinstance(forbidding, Rule):
                self.passed.setdefault(item_no, forbidding)
        self.gave_way = True
        return 0

    def _forbidding(self, item_no: int, index: int) -> Rule | bool:
        """What forbids an item at a position: a rule, or the cap of the request (True)."""
        for group in self.groups[item_no]:
            rule = self.groups.rule(group)
            if self._is_full(group, index, rule.at_most or 0, window_of(rule)):
                return rule
        cap = self.category_cap
        return cap is not None and any(
            self._is_full(name, index, cap.most, LONGEST_LIST)
            for name in cap.categories.get(item_no, ())
        )

    def _is_full(self, group: Hashable, index: int, most: int, window: int) -> bool:
        """Whether one more at a position makes more than `most` in some `window` positions."""
        filled = self._filled.get(group)
        if filled is None:
            return False
        if index > filled[-1]:
            return len(filled) >= most and index - filled[-most] < window
        # What is pinned farther down counts too.
        row = bisect(filled, index)
        with_it = [*filled[:row], index, *filled[row:]]
        return any(
            with_it[first + most] - with_it[first] < window
            for first in range(max(0, row - most), min(row, len(with_it) - most - 1) + 1)
        )

    def _note(self, item_no: int, index: int) -> None:
        for group in self.groups[item_no]:
            insort(self._filled[group], index)
        if self.category_cap is not None:
            for name in set(self.category_cap.categories.get(item_no, ())):
                insort(self._filled[name], index)


def _placed(order: Sequence[int], limit: int, places: Mapping[int, int]) -> list[int]:
    """The first items of an order around what is pinned."""
    rest = iter(order)
    placed = (places[index] if index in places else next(rest, None) for index in range(limit))
    return [item_no for item_no in placed if item_no is not None]
