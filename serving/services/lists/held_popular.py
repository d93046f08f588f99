"""The popular list held in memory: the last thing to answer with when the store is away."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace

from domain.errors import StoreUnavailableError
from domain.identifiers import ItemId, ItemNo
from serving.repositories.filters import EVERYTHING, Filters
from serving.repositories.held_copies import HeldCopies
from serving.repositories.runs import LiveRun
from serving.services.lists.made_list import MadeList
from serving.services.lists.making import ListMaker
from serving.services.lists.slots import Draft
from serving.services.lists.wish import Wish
from serving.services.live_runs import LiveRuns

LONGEST = 100
"""The most items a list may be asked for."""

_NOTHING: AbstractSet[ItemNo] = frozenset()


class HeldPopular:
    """The popular list of the last refresh, longer than any answer so that items may be left out.

    A copy in Redis is for a process that is started while the store is away.
    """

    def __init__(
        self, live_runs: LiveRuns, lists: ListMaker, copies: HeldCopies, *, most: int
    ) -> None:
        self._live_runs = live_runs
        self._lists = lists
        self._copies = copies
        self._most = max(most, LONGEST)
        self._held: MadeList | None = None

    @property
    def run(self) -> LiveRun | None:
        """The run the list comes from; None before the first, or without a list."""
        return self._held.run if self._held else None

    def can_answer(self) -> bool:
        """Whether there is a list."""
        return self._held is not None

    async def refresh(self) -> None:
        """Make the list again, and its copy; without the store begin with the copy."""
        try:
            made = await self._live_runs.reading(
                lambda run: self._lists.make(run, None, Wish(limit=self._most))
            )
        except StoreUnavailableError:
            if self._held is None:
                kept = await self._copies.find_popular()
                self._held = MadeList.decode(kept) if kept else None
            raise
        self._held = replace(made, level="held")
        await self._copies.store_popular(self._held.encode())

    def leave_out(self, item_id: ItemId) -> None:
        """No longer show an item, which is not available any more."""
        if self._held is not None:
            items = tuple(item for item in self._held.items if item.item_id != item_id)
            self._held = replace(self._held, items=items)

    def recategorise(self, item_id: ItemId, categories: Sequence[str]) -> None:
        """Know an item as one of these categories from now on."""
        if self._held is not None:
            items = tuple(
                replace(item, categories=tuple(categories)) if item.item_id == item_id else item
                for item in self._held.items
            )
            self._held = replace(self._held, items=items)

    def numbers_of(self, item_ids: Sequence[str]) -> frozenset[ItemNo]:
        """The numbers of those of these items that are held."""
        items = self._held.items if self._held and item_ids else ()
        return frozenset(item.item_no for item in items if item.item_id in item_ids)

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
            raise StoreUnavailableError
        draft = Draft(n, max_per_category)
        draft.offer(
            item
            for item in self._held.items
            if item.item_no not in excluded and filters.match(item.categories)
        )
        draft.give_way()
        return replace(self._held, items=draft.items)
