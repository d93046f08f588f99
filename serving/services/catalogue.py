"""Items as the apps send them."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from domain.errors import UnknownItemError
from domain.identifiers import ItemId
from serving.redis.answers import Answers
from serving.repositories.catalogue import Catalogue, Item, StoredItem


class ItemFallback(Protocol):
    """Items kept in memory, which must follow the catalogue."""

    def leave_out(self, item_id: ItemId) -> None:
        """No longer show an item, which is not available any more."""

    def update_categories(self, item_id: ItemId, categories: Sequence[str]) -> None:
        """Know an item as one of these categories from now on."""


class CatalogueKeeping:
    """Reads and writes items, and keeps cached answers true to them."""

    def __init__(
        self,
        catalogue: Catalogue,
        answers: Answers,
        fallbacks: Sequence[ItemFallback],
    ) -> None:
        self._catalogue = catalogue
        self._answers = answers
        self._fallbacks = fallbacks

    async def load(self, item_id: ItemId) -> Item:
        """An item; UnknownItemError if there is none of that name."""
        item = await self._catalogue.find_item(item_id)
        if item is None:
            raise UnknownItemError(f"There is no item {item_id!r}.")
        return item

    async def store(self, item_id: ItemId, said: Mapping[str, Any]) -> StoredItem:
        """Create or replace an item.

        No cached answer shows it any more where it may not be shown now: anywhere, if it is no
        longer available, and in lists of a category or without one, if its categories changed.
        """
        stored = await self._catalogue.store_item(item_id, said)
        if stored.became_unavailable:
            for fallback in self._fallbacks:
                fallback.leave_out(item_id)
        elif stored.became_available or stored.changed_categories:
            for fallback in self._fallbacks:
                fallback.update_categories(item_id, stored.item.categories)
        if stored.became_unavailable or stored.changed_categories:
            await self._answers.drop_all()
        return stored
