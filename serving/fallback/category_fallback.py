"""The fallback's items beside the popular list: some of every category."""

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import orjson

from domain.blend import CANDIDATES
from domain.errors import StoreUnavailableError
from domain.identifiers import ItemNo, RunId
from serving.candidates.catalogue_items import CatalogueItem
from serving.fallback.category_selection import NewestPerCategory, select_round_robin
from serving.filtering.expression import Document
from serving.lists.recommendation_list import RecommendationList
from serving.postgres.store import ReadStore
from serving.runs.live_runs import check_run
from sql.statements import as_array, statements

_FALLBACK = statements("fallback")

Value = TypeVar("Value")

_PAGE_ITEMS = 20_000
_FEWEST_PAGE_ITEMS = 500
_SCAN_SECONDS = 0.25
"""No page is begun after so long; the next time it goes on."""
_MOST_ATTRIBUTE_BYTES = 2_000
"""Of an item in the fallback, whose filters are to be answered from memory."""
_REST_SECONDS = 60.0
_RESTS = 40
"""So many times what a scan took is rested before the next: scanning takes 2.5 % at most."""
_AFTER_ALL = ItemNo(2**31 - 1)


@dataclass(frozen=True, slots=True)
class FirstOfCategory:
    """The first items of a category's popular list; '' is the whole catalogue."""

    category: str
    scores: dict[ItemNo, float]
    """By item, best first; they can be compared with those of other categories."""


@dataclass(frozen=True, slots=True)
class CataloguePage:
    """Some of the catalogue, by category; '' is that of items that have none."""

    newest: Mapping[str, Sequence[ItemNo]]
    """The newest first."""
    oldest: ItemNo | None
    """Of all items of the page; None: there are none."""
    is_full: bool
    """Whether there may be older ones."""


class _LastRead(Generic[Value]):
    """What was made of the text that was read last: the next one is mostly the same."""

    def __init__(self, make: Callable[[str], Value]) -> None:
        self._make = make
        self._digest = b""
        self._made: Value | None = None

    def of(self, text: str) -> Value:
        """What is made of a text; of the same text it is the same object."""
        # The text itself may have a megabyte.
        digest = hashlib.blake2b(text.encode(), digest_size=16).digest()
        if self._made is None or digest != self._digest:
            self._digest, self._made = digest, self._make(text)
        return self._made


class FallbackReader:
    """Reads it; only what may be shown counts."""

    def __init__(self, store: ReadStore) -> None:
        self._store = store
        self._first: _LastRead[Sequence[FirstOfCategory]] = _LastRead(_first_of_categories)
        self._documents: _LastRead[Mapping[ItemNo, Document]] = _LastRead(_documents)
        self._items: _LastRead[Sequence[CatalogueItem]] = _LastRead(_catalogue_items)

    async def load_first_of_categories(
        self, run_id: RunId, *, items: int
    ) -> Sequence[FirstOfCategory]:
        """About so many items of a run's lists by category; RunGoneError if the run was dropped."""
        parameters = {"run_id": run_id, "items": items, "of_all": CANDIDATES}
        (row,) = await self._store.rows(_FALLBACK["load_first_of_categories"], parameters)
        if row.lists is None:
            await check_run(self._store, run_id)
            return ()
        return self._first.of(row.lists)

    async def load_page(self, before: ItemNo, *, items: int, each: int) -> CataloguePage:
        """The `items` newest items before one; of each category no more than `each`."""
        parameters = {"before": before, "items": items, "each": each}
        (row,) = await self._store.rows(_FALLBACK["load_catalogue_page"], parameters)
        newest = orjson.loads(row.newest) if row.newest else {}
        return CataloguePage(newest, row.oldest, is_full=row.items == items)

    async def load_documents(self, item_nos: Sequence[ItemNo]) -> dict[ItemNo, Document]:
        """What filters may ask of the items; those with many attributes are left out."""
        parameters = {"item_nos": as_array(item_nos), "most_bytes": _MOST_ATTRIBUTE_BYTES}
        (row,) = await self._store.rows(_FALLBACK["load_documents"], parameters)
        return dict(self._documents.of(row.documents or "[]"))

    async def load_expiries(self, item_nos: Sequence[ItemNo]) -> dict[ItemNo, float]:
        """When those of the items expire that do, in seconds since 1970."""
        parameters = {"item_nos": as_array(item_nos)}
        (row,) = await self._store.rows(_FALLBACK["load_expiries"], parameters)
        return {ItemNo(int(no)): at for no, at in orjson.loads(row.expiries or "{}").items()}

    async def load_items(self, item_nos: Sequence[ItemNo]) -> Sequence[CatalogueItem]:
        """Those of the items that may be shown, in any order."""
        parameters = {"item_nos": as_array(item_nos)}
        (row,) = await self._store.rows(_FALLBACK["load_fallback_items"], parameters)
        return self._items.of(row.items or "[]")


def _first_of_categories(text: str) -> Sequence[FirstOfCategory]:
    return [
        FirstOfCategory(category, dict(zip(item_nos, scores, strict=True)))
        for category, item_nos, scores in orjson.loads(text)
    ]


def _documents(text: str) -> Mapping[ItemNo, Document]:
    return {
        ItemNo(item_no): Document(
            attributes,
            {
                "item_id": item_id,
                "title": title,
                "category": categories,
                "created_at": created_at,
            },
        )
        for item_no, attributes, item_id, title, categories, created_at in orjson.loads(text)
        if attributes is not None
    }


def _catalogue_items(text: str) -> Sequence[CatalogueItem]:
    return [
        CatalogueItem(ItemNo(item_no), item_id, title, tuple(categories))
        for item_no, item_id, title, categories in orjson.loads(text)
    ]


@dataclass(frozen=True, slots=True)
class CategoryItems:
    """Items of each category of the catalogue, beside those the popular list has."""

    items: Sequence[CatalogueItem] = ()
    scores: Mapping[ItemNo, float] = field(default_factory=dict)
    """How popular items are, those of the popular list too; a new item has none."""
    incomplete_categories: AbstractSet[str] | None = None
    """The categories that may have more items; '' stands for none. None: there may be others."""


class CategoryFallback:
    """Chooses them: the most popular of each category, then its newest, `most` in all.

    Which categories there are, and what is new in them, is read from the whole catalogue now and
    then, page by page.
    """

    def __init__(
        self, catalogue: FallbackReader, *, most: int, page_items: int = _PAGE_ITEMS
    ) -> None:
        self._catalogue = catalogue
        self._most = most
        self._most_page_items = page_items
        self._page_items = page_items
        self._read: NewestPerCategory | None = None
        self._reading: NewestPerCategory | None = None
        self._before = _AFTER_ALL
        self._seconds = 0.0
        self._due_at = 0.0

    async def load(self, result: RecommendationList) -> CategoryItems:
        """Those of a list's run, beside the list; RunGoneError if the run was dropped."""
        if not self._most:
            return CategoryItems()
        # It goes on the next time; until then what was read before is good enough.
        with suppress(StoreUnavailableError):
            await self._scan()
        return await self._chosen(result)

    def invalidate(self, categories: Sequence[str]) -> None:
        """An item came to these categories that may have been looked for before."""
        for newest in (self._read, self._reading):
            if newest is not None:
                newest.invalidate(categories or ("",))

    async def _chosen(self, result: RecommendationList) -> CategoryItems:
        popular: Sequence[FirstOfCategory] = ()
        if result.run is not None:
            popular = await self._catalogue.load_first_of_categories(
                result.run.run_id, items=2 * self._most
            )
        by_category = {first.category: list(first.scores) for first in popular if first.category}
        newest = self._read.by_category if self._read else {}
        for category, item_nos in newest.items():
            by_category[category] = [*by_category.get(category, ()), *item_nos]
        there = {item.item_no for item in result.items}
        provided = {name for item in result.items for name in item.categories or ("",)}
        choice = select_round_robin(by_category, there, provided, self._most)
        return CategoryItems(
            await self._catalogue.load_items(choice.item_nos),
            {item_no: score for first in popular for item_no, score in first.scores.items()},
            self._incomplete(choice.incomplete, by_category.keys() - newest.keys()),
        )

    def _incomplete(
        self, left_out: AbstractSet[str], not_read: AbstractSet[str]
    ) -> AbstractSet[str] | None:
        if self._read is None or not self._read.has_all_categories:
            return None
        return self._read.cut | left_out | not_read

    async def _scan(self) -> None:
        """Go on reading the catalogue, unless it was read lately."""
        began_at = now = time.monotonic()
        if self._reading is None:
            if now < self._due_at:
                return
            self._reading, self._before, self._seconds = (
                NewestPerCategory(2 * self._most),
                _AFTER_ALL,
                0,
            )
            # What made a page late may be over.
            self._page_items = min(2 * self._page_items, self._most_page_items)
        while self._reading is not None and now - began_at < _SCAN_SECONDS:
            page = await self._load_page(self._reading.each + 1)
            self._reading.add(page.newest)
            taken, now = time.monotonic() - now, time.monotonic()
            self._seconds += taken
            if page.is_full and page.oldest is not None:
                self._before = page.oldest
            else:
                self._read, self._reading = self._reading, None
                self._due_at = now + max(_REST_SECONDS, _RESTS * self._seconds)

    async def _load_page(self, each: int) -> CataloguePage:
        """The next page; the next attempt is at a smaller one if it cannot be read in time."""
        try:
            return await self._catalogue.load_page(self._before, items=self._page_items, each=each)
        except StoreUnavailableError:
            fewest = min(_FEWEST_PAGE_ITEMS, self._most_page_items)
            self._page_items = max(self._page_items // 2, fewest)
            raise
