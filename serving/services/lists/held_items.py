"""Items held in memory, found by their place or by category without going through all of them."""

from bisect import insort
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from itertools import islice

import orjson

from domain.identifiers import ItemId, ItemNo
from serving.repositories.filters import Filters
from serving.repositories.runs import LiveRun
from serving.services.lists.made_list import MadeList, RecommendedItem
from serving.services.lists.slots import Draft


class HeldItems:
    """A long list of one run, and of which categories it lacks items.

    What is heard of an item changes it at once, whether or not the item is held.
    """

    def __init__(self, made: MadeList, partly: Iterable[str] | None) -> None:
        """`partly`: see `knows_all`; None: it is not known which categories there are."""
        self._made = replace(made, items=())
        self._partly = None if partly is None else set(partly)
        self._items = dict(enumerate(made.items))
        self._places = {item.item_id: place for place, item in self._items.items()}
        self._in_category: defaultdict[str, list[int]] = defaultdict(list)
        for place, item in self._items.items():
            for category in set(item.categories):
                self._in_category[category].append(place)

    @property
    def run(self) -> LiveRun | None:
        """The run the list comes from."""
        return self._made.run

    def top(
        self, n: int, excluded: AbstractSet[ItemNo], filters: Filters, max_per_category: int | None
    ) -> MadeList:
        """The first `n` that pass and are not excluded."""
        passing = (
            item
            for item in self._within(filters.any_of)
            if item.item_no not in excluded and filters.match(item)
        )
        if max_per_category is None:
            return replace(self._made, items=tuple(islice(passing, n)))
        draft = Draft(n, max_per_category)
        draft.offer(passing)
        draft.give_way()
        return replace(self._made, items=draft.items)

    def knows_all(self, filters: Filters) -> bool:
        """Whether every item of the catalogue that passes is held.

        An item that passes is in a category that is not excluded, or in none at all, which stands
        under ''; and where categories are wanted, in one of these. Other conditions can only leave
        fewer.
        """
        if self._partly is None or not filters.known_in_memory:
            return False
        lacking = self._partly.difference(filters.none_of)
        return not (lacking.intersection(filters.any_of) if filters.any_of else lacking)

    def leave_out(self, item_id: ItemId) -> None:
        """No longer hold an item."""
        place = self._places.pop(item_id, None)
        if place is not None:
            for category in set(self._items.pop(place).categories):
                self._in_category[category].remove(place)

    def recategorise(self, item_id: ItemId, categories: Sequence[str]) -> None:
        """Know an item as one of these categories; one that is not held is missing in them."""
        place = self._places.get(item_id)
        if place is None:
            if self._partly is not None:
                self._partly.update(categories or ("",))
            return
        for category in set(self._items[place].categories):
            self._in_category[category].remove(place)
        for category in set(categories):
            insort(self._in_category[category], place)
        self._items[place] = replace(self._items[place], categories=tuple(categories))

    def numbers_of(self, item_ids: Sequence[str]) -> frozenset[ItemNo]:
        """The numbers of those of these items that are held."""
        places = (self._places.get(ItemId(item_id)) for item_id in item_ids)
        return frozenset(self._items[place].item_no for place in places if place is not None)

    def encode(self) -> bytes:
        """Two lines of JSON."""
        made = replace(self._made, items=tuple(self._items.values()))
        partly = None if self._partly is None else sorted(self._partly)
        return made.encode() + b"\n" + orjson.dumps(partly)

    @classmethod
    def decode(cls, kept: bytes) -> "HeldItems":
        """What was encoded; a list alone, as earlier versions kept it, is one of some items."""
        made, _, partly = kept.partition(b"\n")
        return cls(MadeList.decode(made), orjson.loads(partly or b"null"))

    def _within(self, categories: Sequence[str]) -> Iterator[RecommendedItem]:
        """Items of at least one of the categories in their order; all if none is named."""
        if not categories:
            return iter(self._items.values())
        places = {place for name in categories for place in self._in_category.get(name, ())}
        return (self._items[place] for place in sorted(places))
