"""A list that rules arrange: what there is for it, and what reserve, cap and pin make of that."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

import numpy as np

from domain.identifiers import ItemNo
from serving.rules.arrangement import Arrangement, CategoryCap, Shortage, arrange
from serving.rules.resolved_rules import ResolvedRules, contained

_MORE = 20
"""So many items more than a rule lacks are looked up for it: some may not be shown now."""
_MOST_LOOKED_UP = 1_000


class ListedItem(Protocol):
    """An item of any list."""

    @property
    def item_no(self) -> ItemNo:
        """Its number."""


Item = TypeVar("Item", bound=ListedItem)


@dataclass(frozen=True, slots=True)
class RankedPool(Generic[Item]):
    """A list as it is without rules, and what follows it."""

    listed: Sequence[Item]
    others: Sequence[int]
    """What may be shown beside, best first; some of it may be in the list."""
    item: Callable[[int], Item]
    """One of the others."""
    has_named: bool = False
    """Whether what is pinned by name is among them, if it may be shown."""

    @classmethod
    def of(cls, listed: Sequence[Item], items: Sequence[Item]) -> "RankedPool[Item]":
        """A list of items that are known."""
        by_number = {int(item.item_no): item for item in items}
        return cls(listed, [*by_number], by_number.__getitem__)


@dataclass(eq=False, slots=True)
class Arranging(Generic[Item]):
    """A list under way."""

    pool: RankedPool[Item]
    rules: ResolvedRules
    limit: int
    categories: Callable[[Item], Sequence[str]] | None = None
    """Those of an item, where at most so many of a category are wanted."""
    max_per_category: int | None = None
    made: Arrangement = field(init=False)
    """What the rules make of what there is so far."""
    _known: dict[int, Item] = field(init=False)
    """What has been made of items; the others are made when they are shown."""
    _order: dict[int, None] = field(init=False)

    def __post_init__(self) -> None:
        """Arrange what there is."""
        self._known = {item.item_no: item for item in self.pool.listed}
        self._order = dict.fromkeys([*self._known, *self.pool.others])
        self._arrange()

    def lacking(self, excluded: Sequence[ItemNo]) -> list[ItemNo]:
        """Items that are to be looked up, each rule's in the order in which they are taken.

        None of them is excluded.
        """
        wanted = [] if self.pool.has_named else self.rules.named
        if not wanted and not self.made.shortages:
            return []
        for shortage in self.made.shortages:
            wanted += self._of_rule(shortage, excluded)
        left_out = {*self._order, *excluded}
        others = (no for no in dict.fromkeys(wanted) if no not in left_out)
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

    def add(self, items: Sequence[Item]) -> None:
        """There are these too, which may be shown."""
        new = [item for item in items if item.item_no not in self._order]
        self._known.update((item.item_no, item) for item in new)
        self._order.update(dict.fromkeys(item.item_no for item in new))
        if new:
            self._arrange()

    def items(self) -> tuple[Item, ...]:
        """The list."""
        return tuple(self._item(no) for no in self.made.item_nos)

    def _item(self, item_no: int) -> Item:
        return self._known[item_no] if item_no in self._known else self.pool.item(item_no)

    def _arrange(self) -> None:
        pool = np.fromiter(self._order, dtype=np.int32, count=len(self._order))
        self.made = arrange(pool, self.limit, self.rules, self._category_cap())

    def _category_cap(self) -> CategoryCap | None:
        most, categories = self.max_per_category, self.categories
        if most is None or categories is None or not self.rules.caps.rules:
            return None
        return CategoryCap(most, {no: categories(self._item(no)) for no in self._order})
