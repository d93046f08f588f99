"""Items as the apps send them, one at a time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import orjson
from sqlalchemy import Row

from domain.errors import UnknownItemError
from domain.identifiers import ItemId
from serving.postgres.store import WriteStore
from serving.redis.answers import Answers
from sql.statements import statements

_SERVING = statements("serving")


@dataclass(frozen=True, slots=True)
class Item:
    """An item as the catalogue has it."""

    item_id: str
    title: str
    categories: list[str]
    description: str
    attributes: dict[str, Any]
    available: bool
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class StoredItem:
    """An item just written."""

    item: Item
    created: bool
    """False: it was replaced."""
    became_available: bool
    """Whether lists may show it from now on; true of one that was created too."""
    became_unavailable: bool
    """Whether none may any more: withdrawn, expired, or put off."""
    changed_categories: bool
    """Whether it was there before, in other categories."""


class Catalogue:
    """Reads and writes items."""

    def __init__(self, store: WriteStore) -> None:
        self._store = store

    async def find_item(self, item_id: ItemId) -> Item | None:
        """An item; None if there is none of that name."""
        rows = await self._store.rows(_SERVING["find_item"], {"item_id": item_id})
        return _item(rows[0]) if rows else None

    async def store_item(self, item_id: ItemId, said: Mapping[str, Any]) -> StoredItem:
        """Create an item or replace all that is said of it."""
        parameters = {
            **said,
            "item_id": item_id,
            "attributes": orjson.dumps(said["attributes"]).decode(),
        }
        (row,) = await self._store.write(_SERVING["store_item"], parameters)
        return StoredItem(
            item=_item(row),
            created=row.created,
            became_available=row.is_shown and not row.was_shown,
            became_unavailable=row.was_shown and not row.is_shown,
            changed_categories=set(row.old_categories) != set(row.categories),
        )


def _item(row: Row[Any]) -> Item:
    return Item(
        item_id=row.item_id,
        title=row.title,
        categories=list(row.categories),
        description=row.description,
        attributes=row.attributes,
        available=row.available,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


class ItemFallback(Protocol):
    """Items kept in memory, which must follow the catalogue."""

    def leave_out(self, item_id: ItemId) -> None:
        """No longer show an item, which is not available any more."""

    def update_categories(self, item_id: ItemId, categories: Sequence[str]) -> None:
        """Know an item as one of these categories from now on."""


@dataclass(eq=False, slots=True)
class CatalogueKeeping:
    """Reads and writes items, and keeps cached answers true to them."""

    catalogue: Catalogue
    answers: Answers
    fallbacks: Sequence[ItemFallback]

    async def load(self, item_id: ItemId) -> Item:
        """An item; UnknownItemError if there is none of that name."""
        item = await self.catalogue.find_item(item_id)
        if item is None:
            raise UnknownItemError(f"There is no item {item_id!r}.")
        return item

    async def store(self, item_id: ItemId, said: Mapping[str, Any]) -> StoredItem:
        """Create or replace an item.

        No cached answer shows it any more where it may not be shown now: anywhere, if it is no
        longer shown, and in lists of a category or without one, if its categories changed.
        """
        stored = await self.catalogue.store_item(item_id, said)
        if stored.became_unavailable:
            for fallback in self.fallbacks:
                fallback.leave_out(item_id)
        elif stored.became_available or stored.changed_categories:
            for fallback in self.fallbacks:
                fallback.update_categories(item_id, stored.item.categories)
        if stored.became_unavailable or stored.changed_categories:
            await self.answers.note_catalogue_change()
        return stored
