"""The fallback: the list in memory that answers while the store is away, and its copy in Redis."""

import asyncio
import hashlib
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from dataclasses import dataclass, replace

import orjson

from domain.errors import StoreUnavailableError
from domain.identifiers import ItemId, ItemNo
from serving.candidates.filters import EVERYTHING, FilteredRequest, Filters
from serving.fallback.category_fallback import CategoryFallback, CategoryItems, FallbackReader
from serving.fallback.fallback_items import NO_EXPIRIES, FallbackItems
from serving.filtering.expression import Document
from serving.lists.list_maker import ListMaker
from serving.lists.recommendation_list import RecommendationList, RecommendedItem, backfill_items
from serving.lists.request import LONGEST, RecommendationRequest
from serving.redis.redis_link import RedisLink
from serving.runs.live_runs import LiveRun, LiveRuns

_POPULAR = "tandem:fallback:popular"
_DIGEST = "tandem:fallback:popular-digest"
_READERS = "tandem:fallback:readers"
_PLACEMENTS = "tandem:fallback:placements"

# A copy may have a megabyte, and the processes mostly have the same: what is there already is not
# sent again. While the catalogue changes they differ for a moment, and each may send its own.
_PROLONG = """
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
redis.call('EXPIRE', KEYS[2], ARGV[2])
return redis.call('EXPIRE', KEYS[1], ARGV[2])
"""

_STORE = """
redis.call('SET', KEYS[1], ARGV[3], 'EX', ARGV[2])
redis.call('SET', KEYS[2], ARGV[1], 'EX', ARGV[2])
"""

_DOCUMENT_SECONDS = 60.0
"""How long attributes are good for the fallback, unless this process hears of a change."""

_NOTHING_FITS = (
    "The lists cannot be read just now, and the fallback has nothing that fits{filter}. Try again"
    " shortly."
)
_TOO_FEW = (
    "No {limit} items that pass filter={filter} were found in time. Filter by less, declare what is"
    " filtered often (`tandem filter add {attribute}`), or try again shortly."
)
_NOTHING: AbstractSet[ItemNo] = frozenset()


class FallbackCopies:
    """Stores and finds copies; without Redis there are none."""

    def __init__(self, link: RedisLink, *, seconds: int) -> None:
        self._link = link
        self._seconds = seconds

    async def store_popular(self, digest: bytes, encode: Callable[[], bytes]) -> None:
        """Keep the fallback list, which is encoded if Redis has one of another digest."""
        keys = (2, _POPULAR, _DIGEST)
        if await self._link.ask("EVAL", _PROLONG, *keys, digest, self._seconds) == 0:
            # The list may have changed since.
            encoded = encode()
            stored = (_digest(encoded), self._seconds, encoded)
            # So much takes longer than a command may, which says nothing of Redis.
            await self._link.ask_unchecked("EVAL", _STORE, *keys, *stored)

    async def find_popular(self) -> bytes | None:
        """The fallback list some process stored last."""
        found: bytes | None = await self._link.ask_unchecked("GET", _POPULAR)
        return found

    async def store_readers(self, key_hashes: Iterable[bytes]) -> None:
        """Keep the hashes of the keys that may read."""
        encoded = orjson.dumps(sorted(key_hash.hex() for key_hash in key_hashes))
        await self._link.ask("SET", _READERS, encoded, "EX", self._seconds)

    async def find_readers(self) -> frozenset[bytes]:
        """The hashes of the keys that could read when a process last looked."""
        found = await self._link.ask("GET", _READERS)
        return frozenset(map(bytes.fromhex, orjson.loads(found))) if found else frozenset()

    async def store_placements(self, encoded: bytes) -> None:
        """Keep what is decided for placements, until it is another."""
        await self._link.ask("SET", _PLACEMENTS, encoded)

    async def find_placements(self) -> bytes | None:
        """What was decided for placements when a process last looked."""
        found: bytes | None = await self._link.ask("GET", _PLACEMENTS)
        return found


class FallbackCatalogue:
    """The popular list of the last refresh, longer than any answer, and items of each category.

    A copy in Redis is for a process that is started while the store is away.
    """

    def __init__(
        self,
        live_runs: LiveRuns,
        lists: ListMaker,
        reader: FallbackReader,
        categories: CategoryFallback,
        copies: FallbackCopies,
        *,
        most: int,
    ) -> None:
        self._live_runs = live_runs
        self._lists = lists
        self._reader = reader
        self._categories = categories
        self._copies = copies
        self._most = max(most, LONGEST)
        self._items: FallbackItems | None = None
        self._assembled: _Assembled | None = None
        """The items with what they were made of; None: they have changed since."""
        self._changed: dict[ItemId, Sequence[str] | None] = {}
        self._documents: dict[ItemNo, Document] = {}
        self._asked_of: AbstractSet[ItemNo] = frozenset()
        self._documents_until = 0.0
        self._other_expiries: Mapping[ItemNo, float] = NO_EXPIRIES

    @property
    def run(self) -> LiveRun | None:
        """The run the list comes from; None before the first, or without a list."""
        return self._items.run if self._items else None

    def can_answer(self) -> bool:
        """Whether there is a list."""
        return self._items is not None

    async def refresh(self) -> None:
        """Make the list again, and its copy; without the store begin with the copy.

        A list alone, without the items of categories, is kept only if there is nothing else, and is
        not copied: the copy that is there may have them.
        """
        self._changed = {}
        try:
            result, of_categories = await self._live_runs.reading(self._load)
        except StoreUnavailableError:
            if self._items is None:
                kept = await self._copies.find_popular()
                self._items = FallbackItems.decode(kept) if kept else None
            raise
        more = of_categories or CategoryItems()
        numbers = [*(item.item_no for item in result.items), *(item.item_no for item in more.items)]
        expiries = await self._reader.load_expiries(numbers)
        assembled, made_of, encoded = self._assembled, (result, more, expiries), b""
        if assembled is None or assembled.made_of != made_of:
            # It takes long enough for other requests to notice.
            made = await asyncio.to_thread(_assemble, made_of)
            assembled, encoded = made
        items, digest = assembled.items, assembled.digest
        await self._learn_documents(items)
        self._items, self._assembled = items, assembled
        if self._changed:
            # It may have been read before.
            for item_id, categories in self._changed.items():
                _update_item(items, item_id, categories)
            encoded = items.encode()
            self._assembled, digest = None, _digest(encoded)
        if of_categories is not None:
            await self._copies.store_popular(digest, lambda: encoded or items.encode())

    async def _learn_documents(self, fallback: FallbackItems) -> None:
        """Have filters answered from memory; read now and then, for it is much."""
        now, item_nos = time.monotonic(), set(fallback.item_nos)
        if now >= self._documents_until or not item_nos <= self._asked_of:
            self._documents = {}
            # Without them there is still a list, and filters are answered by PostgreSQL alone.
            with suppress(StoreUnavailableError):
                self._documents = await self._reader.load_documents(sorted(item_nos))
            self._asked_of, self._documents_until = item_nos, now + _DOCUMENT_SECONDS
            for item_no in fallback.numbers_of(list(self._changed)):
                # It may have been read before.
                self._documents.pop(item_no, None)
        fallback.know(self._documents)

    async def _load(self, run: LiveRun | None) -> tuple[RecommendationList, CategoryItems | None]:
        """All of it from one run; the list alone if it is the first and categories are away."""
        result = await self._lists.make(run, None, RecommendationRequest(limit=self._most))
        try:
            return result, await self._categories.load(result)
        except StoreUnavailableError:
            if self._items is not None:
                raise
            return result, None

    def leave_out(self, item_id: ItemId) -> None:
        """No longer show an item, which is not available any more."""
        self._note_change(item_id, None)

    def update_categories(self, item_id: ItemId, categories: Sequence[str]) -> None:
        """Know an item as one of these categories from now on, though the fallback may lack it."""
        self._categories.invalidate(categories)
        self._note_change(item_id, categories)

    def _note_change(self, item_id: ItemId, categories: Sequence[str] | None) -> None:
        self._changed[item_id] = categories
        self._assembled = None
        if self._items is not None:
            _update_item(self._items, item_id, categories)

    async def follow_expiries(self, item_nos: Iterable[ItemNo]) -> None:
        """Know when items expire that other lists are kept of; to be done again and again."""
        self._other_expiries = await self._reader.load_expiries(sorted(set(item_nos)))

    def has_expired(self, item_no: ItemNo) -> bool:
        """Whether an item that is followed may not be shown any more."""
        now = time.time()
        return self._other_expiries.get(item_no, now) < now

    def numbers_of(self, item_ids: Sequence[str]) -> frozenset[ItemNo]:
        """The numbers of those of these items that the fallback has."""
        return self._items.numbers_of(item_ids) if self._items else frozenset()

    def find_document(self, item_no: ItemNo) -> Document | None:
        """What is known of an item; None where nothing is, or something may have changed."""
        return self._items.find_document(item_no) if self._items else None

    def top(
        self,
        n: int,
        excluded: AbstractSet[ItemNo] = _NOTHING,
        *,
        filters: Filters = EVERYTHING,
        max_per_category: int | None = None,
    ) -> RecommendationList:
        """The first `n` that are not excluded; StoreUnavailableError if there never was a list."""
        if self._items is None:
            raise StoreUnavailableError(_nothing_fits(filters))
        return self._items.top(n, excluded, filters, max_per_category)

    def answer(
        self,
        n: int,
        excluded: AbstractSet[ItemNo] = _NOTHING,
        *,
        filters: Filters = EVERYTHING,
        max_per_category: int | None = None,
    ) -> RecommendationList:
        """The same as the whole answer, which is empty only if nothing is eligible.

        StoreUnavailableError if the fallback has none that is, but there may be others.
        """
        result = self.top(n, excluded, filters=filters, max_per_category=max_per_category)
        if not result.items and self._items and not self._items.covers(filters):
            raise StoreUnavailableError(_nothing_fits(filters))
        return result

    def check_whole(self, request: FilteredRequest, found: int) -> None:
        """StoreUnavailableError if so few in memory pass what was written, and there may be more.

        For when PostgreSQL is well and the filter takes it too long: too short a list would look
        like all there is.
        """
        written = request.filters.written
        if written is None or found >= request.limit:
            return
        if self._items is None or not self._items.covers(request.filters):
            attributes = (name.steps[0] for name in written.expression.names() if not name.is_field)
            raise StoreUnavailableError(
                _TOO_FEW.format(
                    limit=request.limit,
                    filter=written.text,
                    attribute=next(attributes, "ATTRIBUTE"),
                )
            )


def _nothing_fits(filters: Filters) -> str:
    written = filters.written
    return _NOTHING_FITS.format(filter="" if written is None else f" filter={written.text}")


def _update_item(
    fallback: FallbackItems, item_id: ItemId, categories: Sequence[str] | None
) -> None:
    """None: the item is not available any more."""
    if categories is None:
        fallback.leave_out(item_id)
    else:
        fallback.update_categories(item_id, categories)


@dataclass(frozen=True, slots=True)
class _Assembled:
    """The fallback with what it was made of: mostly the same is read again."""

    made_of: "_Read"
    items: FallbackItems
    digest: bytes
    """Of the items as they are encoded."""


_Read = tuple[RecommendationList, CategoryItems, Mapping[ItemNo, float]]
"""The popular list, items of categories, and when those expire that do."""


def _assemble(read: _Read) -> tuple[_Assembled, bytes]:
    """What is popular in all, then in categories, then what is new; and the items encoded."""
    result, more, expiries = read
    first = [item for item in result.items if item.score > 0]
    others = [*(item for item in result.items if item.score <= 0), *backfill_items(more.items)]
    whole = replace(result, strategy="fallback", items=(*first, *_in_order(others, more)))
    items = FallbackItems(whole, more.incomplete_categories, expiries)
    encoded = items.encode()
    return _Assembled(read, items, _digest(encoded)), encoded


def _digest(encoded: bytes) -> bytes:
    return hashlib.blake2b(encoded).digest()


def _in_order(items: Iterable[RecommendedItem], more: CategoryItems) -> list[RecommendedItem]:
    """The most popular first, and new ones at the end, the newest first."""

    def order(item: RecommendedItem) -> tuple[float, int]:
        score = more.scores.get(item.item_no)
        return (1, -item.item_no) if score is None else (-score, item.item_no)

    return sorted(items, key=order)
