"""The fallback's items, found by their index or by category without going through all of them."""

import time
from bisect import insort
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from itertools import islice
from types import MappingProxyType

import orjson

from domain.errors import StoreUnavailableError
from domain.identifiers import ItemId, ItemNo
from serving.candidates.filters import Filters
from serving.filtering.expression import Document
from serving.lists.list_builder import ListBuilder
from serving.lists.recommendation_list import RecommendationList, RecommendedItem
from serving.runs.live_runs import LiveRun

NO_EXPIRIES: Mapping[ItemNo, float] = MappingProxyType({})
_LONGEST_SECONDS = 0.03
"""Of this thread's time for a list with a filter: all other requests wait meanwhile."""
_TOO_LONG = (
    "The lists cannot be read just now, and the filter takes too long for the fallback. Try again"
    " shortly, or ask for less."
)


class FallbackItems:
    """A long list of one run, and of which categories it lacks items.

    A change of an item applies at once, whether or not the item is here.
    """

    def __init__(
        self,
        result: RecommendationList,
        incomplete_categories: Iterable[str] | None,
        expiries: Mapping[ItemNo, float] = NO_EXPIRIES,
    ) -> None:
        """`incomplete_categories`: see `covers`; None: they are not known.

        `expiries`: when those items expire that do, in seconds since 1970.
        """
        self._expiries = expiries
        self._result = replace(result, items=())
        self._incomplete_categories = (
            None if incomplete_categories is None else set(incomplete_categories)
        )
        self._items = dict(enumerate(result.items))
        self._documents: dict[ItemNo, Document] = {}
        self._indexes = {item.item_id: index for index, item in self._items.items()}
        self._in_category: defaultdict[str, list[int]] = defaultdict(list)
        for index, item in self._items.items():
            for category in set(item.categories):
                self._in_category[category].append(index)

    @property
    def run(self) -> LiveRun | None:
        """The run the list comes from."""
        return self._result.run

    def top(
        self, n: int, excluded: AbstractSet[ItemNo], filters: Filters, max_per_category: int | None
    ) -> RecommendationList:
        """The first `n` that pass and are not excluded; fewer where a filter takes too long.

        StoreUnavailableError if it does and none was found by then.
        """
        passing = self._passing(excluded, filters)
        if max_per_category is None:
            return replace(self._result, items=tuple(islice(passing, n)))
        builder = ListBuilder(n, max_per_category)
        builder.add(passing)
        builder.add_deferred()
        return replace(self._result, items=builder.items)

    def _passing(
        self, excluded: AbstractSet[ItemNo], filters: Filters
    ) -> Iterator[RecommendedItem]:
        is_written, found, now = filters.written is not None, False, time.time()
        ends_at = time.thread_time() + _LONGEST_SECONDS
        for item in self._within(filters.any_of):
            if is_written and time.thread_time() > ends_at:
                if not found:
                    raise StoreUnavailableError(_TOO_LONG)
                return
            if item.item_no in excluded or self._expiries.get(item.item_no, now) < now:
                continue
            if filters.match(item, self._documents.get(item.item_no)):
                found = True
                yield item

    @property
    def item_nos(self) -> list[ItemNo]:
        """The numbers of all items, in their order."""
        return [item.item_no for item in self._items.values()]

    def know(self, documents: dict[ItemNo, Document]) -> None:
        """What there is to know of the items; where it is missing, no filter passes.

        What is wrong after a change of an item is removed from it.
        """
        self._documents = documents

    def find_document(self, item_no: ItemNo) -> Document | None:
        """What is known of an item; None: nothing."""
        return self._documents.get(item_no)

    def covers(self, filters: Filters) -> bool:
        """Whether every item of the catalogue that passes is here.

        An item that passes is in a category that is not excluded, or in none at all, which stands
        under ''; and where categories are wanted, in one of these. Other conditions can only leave
        fewer, if enough is known of each item here to tell.
        """
        if self._incomplete_categories is None or not filters.known_in_memory:
            return False
        if filters.written is not None and not self._documents.keys() >= set(self.item_nos):
            return False
        lacking = self._incomplete_categories.difference(filters.none_of)
        return not (lacking.intersection(filters.any_of) if filters.any_of else lacking)

    def leave_out(self, item_id: ItemId) -> None:
        """Remove an item."""
        index = self._indexes.pop(item_id, None)
        if index is not None:
            for category in set(self._items.pop(index).categories):
                self._in_category[category].remove(index)

    def update_categories(self, item_id: ItemId, categories: Sequence[str]) -> None:
        """Know an item as one of these categories; one that is not here is missing in them.

        What else was known of it may be wrong now.
        """
        index = self._indexes.get(item_id)
        if index is None:
            if self._incomplete_categories is not None:
                self._incomplete_categories.update(categories or ("",))
            return
        for category in set(self._items[index].categories):
            self._in_category[category].remove(index)
        for category in set(categories):
            insort(self._in_category[category], index)
        self._items[index] = replace(self._items[index], categories=tuple(categories))
        self._documents.pop(self._items[index].item_no, None)

    def numbers_of(self, item_ids: Sequence[str]) -> frozenset[ItemNo]:
        """The numbers of those of these items that the fallback has."""
        indexes = (self._indexes.get(ItemId(item_id)) for item_id in item_ids)
        return frozenset(self._items[index].item_no for index in indexes if index is not None)

    def encode(self) -> bytes:
        """Three lines of JSON."""
        result = replace(self._result, items=tuple(self._items.values()))
        incomplete_categories = (
            None if self._incomplete_categories is None else sorted(self._incomplete_categories)
        )
        expiries = orjson.dumps(dict(self._expiries), option=orjson.OPT_NON_STR_KEYS)
        return b"\n".join((orjson.dumps(result), orjson.dumps(incomplete_categories), expiries))

    @classmethod
    def decode(cls, kept: bytes) -> "FallbackItems":
        """What was encoded."""
        result, incomplete_categories, expiries = kept.split(b"\n")
        return cls(
            RecommendationList.decode(result),
            orjson.loads(incomplete_categories),
            {ItemNo(int(no)): at for no, at in orjson.loads(expiries).items()},
        )

    def _within(self, categories: Sequence[str]) -> Iterator[RecommendedItem]:
        """Items of at least one of the categories in their order; all if none is named."""
        if not categories:
            return iter(self._items.values())
        indexes = {index for name in categories for index in self._in_category.get(name, ())}
        return (self._items[index] for index in sorted(indexes))
