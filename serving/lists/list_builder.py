"""Building a list: which positions go to new items, and how many one category may have."""

import math
import struct
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from typing import Self, TypeVar

from domain.identifiers import RunId, UserNo
from serving.lists.recommendation_list import RecommendedItem
from serving.runs.live_runs import LiveRun

Thing = TypeVar("Thing")

FIRST_EXPLORED_POSITION = 2
"""Counted from 0: the first two positions are never given away."""

_HOUR_SECONDS = 3600

_MOST_SCHEDULES = 1_000
"""Of which the positions are kept: each list asks for them three times."""


@dataclass(frozen=True, slots=True)
class RerankingPolicy:
    """What a list is where a request does not say."""

    explore: float = 0.05
    """Share of the positions that go to new items, in [0, 0.5]."""
    diversity: float = 0.1
    """How dissimilar the items are to be, in [0, 1]; 0: the order of the blend."""
    max_per_category: int | None = None
    """None: as many as there are."""
    not_again_seconds: float = 0.0
    """What was shown within and not used gives way to other items; 0: it does not."""


@dataclass(frozen=True, slots=True)
class ExplorationSchedule:
    """When and where new items are explored: the same for a user, a run and an hour.

    All are as good as drawn at random, in [0, 1).
    """

    position_offset: float
    """Where in the list the new items stand."""
    users_offset: float
    """Where to begin among the numbers of users that a new item can have."""
    item_offset: float
    """Where to begin among all items."""
    nearest_offset: float
    """Which of the nearest comes first."""

    @classmethod
    def now(cls, user_no: UserNo | None, run: LiveRun | None) -> Self:
        """The schedule of this hour; one for all users the log has never seen."""
        return cls.of(user_no, run.run_id if run else None, int(time.time()) // _HOUR_SECONDS)

    @classmethod
    def of(cls, user_no: UserNo | None, run_id: RunId | None, hour: int) -> Self:
        """The schedule of an hour, counted from any fixed moment."""
        digest = blake2b(f"{user_no}:{run_id}:{hour}".encode(), digest_size=16).digest()
        return cls(*(number / 2**32 for number in struct.unpack("<4I", digest)))

    def rotated(self, nearest: Sequence[Thing]) -> list[Thing]:
        """The same things from another one on."""
        begin = int(self.nearest_offset * len(nearest))
        return [*nearest[begin:], *nearest[:begin]]


@lru_cache(_MOST_SCHEDULES)
def explored_positions(limit: int, share: float, offset: float) -> frozenset[int]:
    """The positions, counted from 0, of a list of `limit` that go to new items.

    Systematic sampling: over all offsets in [0, 1) each position is taken with probability `share`,
    a list has its share of them to within one, and a shorter list has those of a longer one that
    it is the beginning of. What would fall on the first two positions moves down to the next free
    one.
    """
    positions: list[int] = []
    for position in range(limit):
        # floor(k s + u) rises with every 1/s positions
        if math.floor((position + 1) * share + offset) > math.floor(position * share + offset):
            lowest = positions[-1] + 1 if positions else FIRST_EXPLORED_POSITION
            positions.append(max(position, lowest))
    return frozenset(position for position in positions if position < limit)


class ListBuilder:
    """A list that is being built: so many positions, no item twice, and so many of one category.

    An item of several categories counts in each of them; one of none is never too many.
    """

    def __init__(self, positions: int, most: int | None = None) -> None:
        self._positions = positions
        self._most = most
        self._items: dict[int, RecommendedItem] = {}
        self._deferred: dict[int, RecommendedItem] = {}
        self._counts: Counter[str] = Counter()

    @property
    def items(self) -> tuple[RecommendedItem, ...]:
        """What is in the list so far."""
        return tuple(self._items.values())

    @property
    def missing(self) -> int:
        """How many positions are free."""
        return self._positions - len(self._items)

    @property
    def has_deferred(self) -> bool:
        """Whether anything was deferred because a category had too many."""
        return bool(self.deferred)

    @property
    def deferred(self) -> int:
        """How many were deferred so and are not in the list."""
        return len(self._deferred.keys() - self._items.keys())

    def full(self) -> tuple[str, ...]:
        """The categories that can have no more."""
        if self._most is None:
            return ()
        return tuple(name for name, count in self._counts.items() if count >= self._most)

    def add(self, items: Iterable[RecommendedItem]) -> None:
        """Add what there is room for, best first; what a category has too many of is deferred."""
        if self._most is None:
            for item in items:
                if len(self._items) == self._positions:
                    return
                self._items.setdefault(item.item_no, item)
            return
        for item in items:
            if not self.missing:
                return
            self.add_one(item)

    def add_one(self, item: RecommendedItem) -> bool:
        """Add an item, or defer it if a category has too many; whether it was added."""
        if self.add_if_allowed(item):
            return True
        self._deferred.setdefault(item.item_no, item)
        return False

    def add_if_allowed(self, item: RecommendedItem) -> bool:
        """Add an item or pass it over for good; whether it was added."""
        if not self.missing or item.item_no in self._items or self._is_capped(item):
            return False
        self._put(item)
        return True

    def add_deferred(self) -> None:
        """Rather too many of a category than too short a list: add what was deferred."""
        for item in self._deferred.values():
            if not self.missing:
                return
            if item.item_no not in self._items:
                self._put(item)

    def relax(self) -> None:
        """From now on a category may have any number."""
        self._most = None

    def _is_capped(self, item: RecommendedItem) -> bool:
        return self._most is not None and any(
            self._counts[name] >= self._most for name in item.categories
        )

    def _put(self, item: RecommendedItem) -> None:
        self._items[item.item_no] = item
        if self._most is not None:
            self._counts.update(set(item.categories))


def build_list(
    limit: int,
    most: int | None,
    ranked: Sequence[RecommendedItem],
    new: Sequence[RecommendedItem] = (),
    positions: frozenset[int] = frozenset(),
) -> ListBuilder:
    """A list of ranked items, with new ones at the given positions.

    New items that are in the list anyway stay where they are. What has no room is left out, so the
    list may be too short.
    """
    builder = ListBuilder(limit, most)
    builder.add(ranked)
    listed = {item.item_no for item in builder.items}
    unlisted = [item for item in new if item.item_no not in listed]
    if not positions or not unlisted:
        return builder
    builder = ListBuilder(limit, most)
    if most is None:
        builder.add(_interleaved(limit, ranked, unlisted, positions))
        return builder
    rest = iter(ranked)
    for position in range(limit):
        if position in positions and any(builder.add_if_allowed(item) for item in unlisted):
            continue
        if not any(builder.add_one(item) for item in rest):
            break
    return builder


def _interleaved(
    limit: int,
    ranked: Iterable[RecommendedItem],
    new: Iterable[RecommendedItem],
    positions: frozenset[int],
) -> Iterator[RecommendedItem]:
    """The ranked items, with new ones at these positions as long as there are any."""
    rest, others = iter(ranked), iter(new)
    for position in range(limit):
        item = next(others, None) if position in positions else None
        item = item or next(rest, None)
        if item is None:
            return
        yield item
