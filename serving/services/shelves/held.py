"""Shelves asked for lately, held in memory for when the store is away."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import replace

from domain.identifiers import ItemId
from serving.repositories.runs import same_run
from serving.services.shelves.shelf import Shelf, ShelfList

_MOST = 100
"""How many shelves are held."""


class HeldShelves:
    """Lists by shelf as of the last refresh; a shelf is held once it has been asked for."""

    def __init__(self) -> None:
        # Not an LRUCache: to that a refresh would look like somebody asking.
        self._held: OrderedDict[Shelf, ShelfList | None] = OrderedDict()

    def hold(self, shelf: Shelf, listed: ShelfList) -> None:
        """Hold a list of a shelf, unless a longer one of the same run is held."""
        held = self.find(shelf)
        if not listed.items or (
            held and same_run(held.run, listed.run) and len(held.items) >= len(listed.items)
        ):
            return
        self._held[shelf] = listed
        self._bound(shelf)

    def note(self, shelf: Shelf) -> None:
        """Hold a shelf from the next refresh on."""
        self._held.setdefault(shelf, None)
        self._bound(shelf)

    async def refresh(self, load: Callable[[Shelf], Awaitable[ShelfList]]) -> None:
        """Make the lists again."""
        for shelf in tuple(self._held):
            listed = await load(shelf)
            if shelf in self._held and listed.items:
                self._held[shelf] = listed
            else:
                # A category that has gone, or never was.
                self._held.pop(shelf, None)

    def leave_out(self, item_id: ItemId) -> None:
        """No longer show an item, which is not available any more."""
        self._leave_out(item_id, self._held)

    def recategorise(self, item_id: ItemId, categories: Sequence[str]) -> None:
        """No longer show an item on shelves of a category that is none of its own now."""
        self._leave_out(
            item_id, [shelf for shelf in self._held if shelf.category not in ("", *categories)]
        )

    def _leave_out(self, item_id: ItemId, shelves: Iterable[Shelf]) -> None:
        for shelf in shelves:
            held = self._held[shelf]
            if held is None:
                continue
            items = tuple(item for item in held.items if item.item_id != item_id)
            self._held[shelf] = replace(held, items=items)

    def find(self, shelf: Shelf) -> ShelfList | None:
        """What is held of a shelf; None if nothing is."""
        if shelf in self._held:
            self._held.move_to_end(shelf)
        return self._held.get(shelf)

    def _bound(self, asked_for: Shelf) -> None:
        """Let go of the shelf that was not asked for the longest."""
        self._held.move_to_end(asked_for)
        if len(self._held) > _MOST:
            self._held.popitem(last=False)
