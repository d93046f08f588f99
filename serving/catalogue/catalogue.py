"""Items as the store has them, written one at a time or many at once."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Row

from domain.identifiers import ItemId
from serving.candidates.filters import Filters
from serving.postgres.store import WriteStore
from sql.statements import statements

_CATALOGUE = statements("catalogue")


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


@dataclass(frozen=True, slots=True)
class DeletedItem:
    """An item that is not in the catalogue any more."""

    is_new: bool
    """False: it was deleted before."""
    deleted_at: datetime


@dataclass(frozen=True, slots=True)
class CountedCategory:
    """A category and how many available items have it."""

    category: str
    items: int


@dataclass(frozen=True, slots=True)
class ItemPage:
    """Some items of the catalogue."""

    items: Sequence[Item]
    next: int | None
    """After which number it goes on; None: these were the last."""
    total: int | None = None
    """How many pass in all, as far as they were counted; None: they were not."""
    total_is_exact: bool | None = None
    """False: there are more."""


class Catalogue:
    """Reads and writes items."""

    def __init__(self, store: WriteStore) -> None:
        self._store = store

    async def find_item(self, item_id: ItemId) -> Item | None:
        """An item; None if there is none of that name."""
        found = await self.find_version(item_id)
        return found[0] if found else None

    async def find_version(self, item_id: ItemId) -> tuple[Item, str] | None:
        """The same, with what tells it from what it is after any change."""
        rows = await self._store.rows(_CATALOGUE["find_item"], {"item_id": item_id})
        return (_item(rows[0]), rows[0].version) if rows else None

    async def list_items(
        self, filters: Filters, *, available: bool | None, after: int, most: int
    ) -> ItemPage:
        """Items that pass, after a number; `available`: None for all."""
        parameters = {
            "available": available,
            "after": after,
            "most": most + 1,
            **filters.parameters(),
        }
        rows = await self._store.rows(_CATALOGUE["list_items"], parameters)
        page = rows[:most]
        return ItemPage(
            [_item(row) for row in page], page[-1].item_no if len(rows) > most else None
        )

    async def count_items(self, filters: Filters, *, available: bool | None, most: int) -> int:
        """How many items pass, up to `most`."""
        parameters = {"available": available, "most": most, **filters.parameters()}
        (row,) = await self._store.rows(_CATALOGUE["count_items"], parameters)
        return int(row.items)

    async def list_categories(self, *, after: str | None, most: int) -> list[CountedCategory]:
        """Categories after a name, in the order of their names."""
        parameters = {"after": after, "most": most}
        rows = await self._store.rows(_CATALOGUE["list_categories"], parameters)
        return [CountedCategory(row.category, row.items) for row in rows]

    async def store_items(
        self, items: Iterable[tuple[str, Mapping[str, Any]]]
    ) -> dict[str, StoredItem]:
        """Create different items or replace all that is said of them, all of them or none."""
        bodies = [{**of_item, "item_id": item_id} for item_id, of_item in items]
        parameters = {"items": orjson.dumps(bodies).decode(), "several": len(bodies) > 1}
        rows = await self._store.write(_CATALOGUE["store_items"], parameters)
        return {row.item_id: _stored(row) for row in rows}

    async def create_items(self, item_ids: Iterable[str]) -> list[ItemId]:
        """Create those items that there are none of, titled by their ids; answers which."""
        parameters = {"item_ids": sorted(item_ids)}
        rows = await self._store.write(_CATALOGUE["create_items"], parameters)
        return [ItemId(row.item_id) for row in rows]

    async def change_item(
        self, item_id: ItemId, version: str, changes: Mapping[str, Any]
    ) -> StoredItem | None:
        """Change what is given of an item; None if it is not of this version any more."""
        unchanged = dict.fromkeys(("title", "categories", "description", "attributes", "available"))
        parameters = {**unchanged, **changes, "item_id": item_id, "version": version}
        if "attributes" in changes:
            parameters["attributes"] = orjson.dumps(changes["attributes"]).decode()
        rows = await self._store.write(_CATALOGUE["change_item"], parameters)
        return _stored(rows[0]) if rows else None

    async def delete_item(self, item_id: ItemId) -> DeletedItem | None:
        """Take an item out of the catalogue; None if there never was one of that name."""
        rows = await self._store.write(_CATALOGUE["delete_item"], {"item_id": item_id})
        return DeletedItem(rows[0].is_new, rows[0].deleted_at) if rows else None


def _stored(row: Row[Any]) -> StoredItem:
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
