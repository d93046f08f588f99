"""The list held in memory: the last thing to answer with when the store is away."""

import asyncio
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace

from domain.errors import StoreUnavailableError
from domain.identifiers import ItemId, ItemNo
from serving.repositories.filters import EVERYTHING, Filters
from serving.repositories.held_copies import HeldCopies
from serving.repositories.runs import LiveRun
from serving.services.lists.held_items import HeldItems
from serving.services.lists.holding import CategoryHolding, OfCategories
from serving.services.lists.made_list import MadeList, RecommendedItem, fillers
from serving.services.lists.making import ListMaker
from serving.services.lists.wish import Wish
from serving.services.live_runs import LiveRuns

LONGEST = 100
"""The most items a list may be asked for."""

_NOTHING_HELD = (
    "The lists cannot be read just now, and nothing that fits is held in memory. Try again shortly."
)
_NOTHING: AbstractSet[ItemNo] = frozenset()


class HeldPopular:
    """The popular list of the last refresh, longer than any answer, and items of each category.

    A copy in Redis is for a process that is started while the store is away.
    """

    def __init__(
        self,
        live_runs: LiveRuns,
        lists: ListMaker,
        categories: CategoryHolding,
        copies: HeldCopies,
        *,
        most: int,
    ) -> None:
        self._live_runs = live_runs
        self._lists = lists
        self._categories = categories
        self._copies = copies
        self._most = max(most, LONGEST)
        self._held: HeldItems | None = None
        self._heard: dict[ItemId, Sequence[str] | None] = {}

    @property
    def run(self) -> LiveRun | None:
        """The run the list comes from; None before the first, or without a list."""
        return self._held.run if self._held else None

    def can_answer(self) -> bool:
        """Whether there is a list."""
        return self._held is not None

    async def refresh(self) -> None:
        """Make the list again, and its copy; without the store begin with the copy.

        A list alone, without the items of categories, is held if nothing else is, and not copied:
        the copy that is there may have them.
        """
        self._heard = {}
        try:
            made, of_categories = await self._live_runs.reading(self._load)
        except StoreUnavailableError:
            if self._held is None:
                kept = await self._copies.find_popular()
                self._held = HeldItems.decode(kept) if kept else None
            raise
        # It takes long enough for other requests to notice.
        more = of_categories or OfCategories()
        held, encoded = await asyncio.to_thread(_assembled, made, more)
        if self._heard:
            # It may have been read before.
            for item_id, categories in self._heard.items():
                _tell(held, item_id, categories)
            encoded = held.encode()
        self._held = held
        if of_categories is not None:
            await self._copies.store_popular(encoded)

    async def _load(self, run: LiveRun | None) -> tuple[MadeList, OfCategories | None]:
        """All of it from one run; the list alone if it is the first and categories are away."""
        made = await self._lists.make(run, None, Wish(limit=self._most))
        try:
            return made, await self._categories.load(made)
        except StoreUnavailableError:
            if self._held is not None:
                raise
            return made, None

    def leave_out(self, item_id: ItemId) -> None:
        """No longer show an item, which is not available any more."""
        self._hear(item_id, None)

    def recategorise(self, item_id: ItemId, categories: Sequence[str]) -> None:
        """Know an item as one of these categories from now on, though it may not be held."""
        self._categories.doubt(categories)
        self._hear(item_id, categories)

    def _hear(self, item_id: ItemId, categories: Sequence[str] | None) -> None:
        self._heard[item_id] = categories
        if self._held is not None:
            _tell(self._held, item_id, categories)

    def numbers_of(self, item_ids: Sequence[str]) -> frozenset[ItemNo]:
        """The numbers of those of these items that are held."""
        return self._held.numbers_of(item_ids) if self._held else frozenset()

    def top(
        self,
        n: int,
        excluded: AbstractSet[ItemNo] = _NOTHING,
        *,
        filters: Filters = EVERYTHING,
        max_per_category: int | None = None,
    ) -> MadeList:
        """The first `n` that are not excluded; StoreUnavailableError if there never was a list."""
        if self._held is None:
            raise StoreUnavailableError(_NOTHING_HELD)
        return self._held.top(n, excluded, filters, max_per_category)

    def answer(
        self,
        n: int,
        excluded: AbstractSet[ItemNo] = _NOTHING,
        *,
        filters: Filters = EVERYTHING,
        max_per_category: int | None = None,
    ) -> MadeList:
        """The same as the whole answer, which is empty only if nothing is eligible.

        StoreUnavailableError if nothing held is, but something else may be.
        """
        made = self.top(n, excluded, filters=filters, max_per_category=max_per_category)
        if not made.items and self._held and not self._held.knows_all(filters):
            raise StoreUnavailableError(_NOTHING_HELD)
        return made


def _tell(held: HeldItems, item_id: ItemId, categories: Sequence[str] | None) -> None:
    """None: the item is not available any more."""
    if categories is None:
        held.leave_out(item_id)
    else:
        held.recategorise(item_id, categories)


def _assembled(made: MadeList, more: OfCategories) -> tuple[HeldItems, bytes]:
    """What is popular in all, then in categories, then what is new; and how it is kept."""
    first = [item for item in made.items if item.score > 0]
    others = [*(item for item in made.items if item.score <= 0), *fillers(more.items)]
    items = replace(made, level="held", items=(*first, *_in_order(others, more)))
    held = HeldItems(items, more.partly)
    return held, held.encode()


def _in_order(items: Iterable[RecommendedItem], more: OfCategories) -> list[RecommendedItem]:
    """The most popular first, and new ones at the end, the newest first."""

    def place(item: RecommendedItem) -> tuple[float, int]:
        score = more.scores.get(item.item_no)
        return (1, -item.item_no) if score is None else (-score, item.item_no)

    return sorted(items, key=place)
