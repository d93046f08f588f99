"""The slots of a list: which go to new items, and how many one category may have."""

import math
import struct
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Self, TypeVar

from domain.identifiers import RunId, UserNo
from serving.repositories.runs import LiveRun
from serving.services.lists.made_list import RecommendedItem

Thing = TypeVar("Thing")

FIRST_EXPLORED_PLACE = 2
"""Counted from 0: the first two places are never given away."""

_HOUR_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class SlotPolicy:
    """What a list is where a request does not say."""

    explore: float = 0.05
    """Share of the places that go to new items, in [0, 0.5]."""
    diversity: float = 0.1
    """How little alike the items are to be, in [0, 1]; 0: the order of the blend."""
    max_per_category: int | None = None
    """None: as many as there are."""


@dataclass(frozen=True, slots=True)
class Turn:
    """Whose turn it is among the new items: the same for a user, a run and an hour.

    All are as good as drawn at random, in [0, 1).
    """

    place: float
    """Where in the list the new items stand."""
    level: float
    """Where to begin among the numbers of users that a new item can have."""
    start: float
    """Where to begin among all items."""
    choice: float
    """Which of the nearest comes first."""

    @classmethod
    def now(cls, user_no: UserNo | None, run: LiveRun | None) -> Self:
        """The turn of this hour; of users the log has never seen, and before a run, it is one."""
        return cls.of(user_no, run.run_id if run else None, int(time.time()) // _HOUR_SECONDS)

    @classmethod
    def of(cls, user_no: UserNo | None, run_id: RunId | None, hour: int) -> Self:
        """The turn of an hour, counted from any fixed moment."""
        digest = blake2b(f"{user_no}:{run_id}:{hour}".encode(), digest_size=16).digest()
        return cls(*(number / 2**32 for number in struct.unpack("<4I", digest)))

    def rotated(self, nearest: Sequence[Thing]) -> list[Thing]:
        """The same things from another one on."""
        begin = int(self.choice * len(nearest))
        return [*nearest[begin:], *nearest[:begin]]


def explored_places(limit: int, share: float, offset: float) -> frozenset[int]:
    """The places, counted from 0, of a list of `limit` that go to new items.

    Systematic sampling: over all offsets in [0, 1) each place is taken with probability `share`, a
    list has its share of them to within one, and a shorter list has those of a longer one that it
    is the beginning of. What would fall on the first two places moves down to the next free one.
    """
    places: list[int] = []
    for place in range(limit):
        # floor(k s + u) rises with every 1/s places
        if math.floor((place + 1) * share + offset) > math.floor(place * share + offset):
            lowest = places[-1] + 1 if places else FIRST_EXPLORED_PLACE
            places.append(max(place, lowest))
    return frozenset(place for place in places if place < limit)


class Draft:
    """A list in the making: so many places, no item twice, and so many of one category.

    An item of several categories counts in each of them; one of none is never too many.
    """

    def __init__(self, places: int, most: int | None = None) -> None:
        self._places = places
        self._most = most
        self._items: dict[int, RecommendedItem] = {}
        self._waiting: dict[int, RecommendedItem] = {}
        self._counts: Counter[str] = Counter()

    @property
    def items(self) -> tuple[RecommendedItem, ...]:
        """What is in the list so far."""
        return tuple(self._items.values())

    @property
    def missing(self) -> int:
        """How many places are free."""
        return self._places - len(self._items)

    @property
    def waits(self) -> bool:
        """Whether anything waits because a category had too many."""
        return any(item_no not in self._items for item_no in self._waiting)

    def full(self) -> tuple[str, ...]:
        """The categories that can have no more."""
        if self._most is None:
            return ()
        return tuple(name for name, count in self._counts.items() if count >= self._most)

    def offer(self, items: Iterable[RecommendedItem]) -> None:
        """Take what there is room for, best first; what a category has too many of may wait."""
        for item in items:
            if not self.missing:
                return
            self.offer_one(item)

    def offer_one(self, item: RecommendedItem) -> bool:
        """Take an item, or let it wait if a category has too many; whether it was taken."""
        if self.take_if_fit(item):
            return True
        self._waiting.setdefault(item.item_no, item)
        return False

    def take_if_fit(self, item: RecommendedItem) -> bool:
        """Take an item or pass it over for good; whether it was taken."""
        if not self.missing or item.item_no in self._items or self._is_full_for(item):
            return False
        self._take(item)
        return True

    def give_way(self) -> None:
        """Rather too many of a category than too short a list: take what had to wait."""
        for item in self._waiting.values():
            if not self.missing:
                return
            if item.item_no not in self._items:
                self._take(item)

    def lift_cap(self) -> None:
        """From now on a category may have any number."""
        self._most = None

    def _is_full_for(self, item: RecommendedItem) -> bool:
        return self._most is not None and any(
            self._counts[name] >= self._most for name in item.categories
        )

    def _take(self, item: RecommendedItem) -> None:
        self._items[item.item_no] = item
        if self._most is not None:
            self._counts.update(set(item.categories))


def drafted(
    limit: int,
    most: int | None,
    ranked: Sequence[RecommendedItem],
    new: Sequence[RecommendedItem] = (),
    places: frozenset[int] = frozenset(),
) -> Draft:
    """A draft of ranked items, with new ones at the given places.

    New items that are in the list anyway stay where they are. What has no room is left out, so the
    draft may be too short.
    """
    draft = Draft(limit, most)
    draft.offer(ranked)
    listed = {item.item_no for item in draft.items}
    unlisted = [item for item in new if item.item_no not in listed]
    if not places or not unlisted:
        return draft
    draft = Draft(limit, most)
    rest = iter(ranked)
    for place in range(limit):
        if place in places and any(draft.take_if_fit(item) for item in unlisted):
            continue
        if not any(draft.offer_one(item) for item in rest):
            break
    return draft
