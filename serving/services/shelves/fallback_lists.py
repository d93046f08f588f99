"""Shelves asked for lately, kept in memory for when the store is away."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import replace

from domain.identifiers import ItemId
from serving.repositories.runs import same_run
from serving.services.shelves.shelf import Shelf, ShelfList

_MOST = 100
"""How many shelves are kept."""


class FallbackLists:
    """Lists by shelf as of the last refresh; a shelf is kept once it has been asked for."""

    def __init__(self) -> None:
        # Not an LRUCache: to that a refresh would look like somebody asking.
        self._lists: OrderedDict[Shelf, ShelfList | None] = OrderedDict()

    def keep(self, shelf: Shelf, listed: ShelfList) -> None:
        """Keep a list of a shelf, unless there is a longer one of the same run."""
        kept = self.find(shelf)
        if not listed.items or (
            kept and same_run(kept.run, listed.run) and len(kept.items) >= len(listed.items)
        ):
            return
        self._lists[shelf] = listed
        self._bound(shelf)

    def note(self, shelf: Shelf) -> None:
        """Keep a list of the shelf from the next refresh on."""
        self._lists.setdefault(shelf, None)
        self._bound(shelf)

    async def refresh(self, load: Callable[[Shelf], Awaitable[ShelfList]]) -> None:
        """Make the lists again."""
        for shelf in tuple(self._lists):
            listed = await load(shelf)
            if shelf in self._lists and listed.items:
                self._lists[shelf] = listed
            else:
                # A category that has gone, or never was.
                self._lists.pop(shelf, None)

    def leave_out(self, item_id: ItemId) -> None:
        """No longer show an item, which is not available any more."""
        self._leave_out(item_id, self._lists)

    def recategorise(self, item_id: ItemId, categories: Sequence[str]) -> None:
        """No longer show an item on shelves of a category that is none of its own now."""
        self._leave_out(
            item_id, [shelf for shelf in self._lists if shelf.category not in ("", *categories)]
        )

    def _leave_out(self, item_id: ItemId, shelves: Iterable[Shelf]) -> None:
        for shelf in shelves:
            kept = self._lists[shelf]
            if kept is None:
                continue
            items = tuple(item for item in kept.items if item.item_id != item_id)
            self._lists[shelf] = replace(kept, items=items)

    def find(self, shelf: Shelf) -> ShelfList | None:
        """The list kept of a shelf; None if there is none."""
        if shelf in self._lists:
            self._lists.move_to_end(shelf)
        return self._lists.get(shelf)

    def _bound(self, asked_for: Shelf) -> None:
        """Let go of the shelf that was not asked for the longest."""
        self._lists.move_to_end(asked_for)
        if len(self._lists) > _MOST:
            self._lists.popitem(last=False)
