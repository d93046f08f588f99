"""Items, one at a time."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Row

from domain.identifiers import ItemId
from serving.postgres.store import Store
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
    changed_categories: bool
    """Whether it was there before, in other categories."""


class Catalogue:
    """Reads and writes items."""

    def __init__(self, store: Store) -> None:
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
        (row,) = await self._store.rows(_SERVING["store_item"], parameters)
        return StoredItem(
            item=_item(row),
            created=row.created,
            became_available=row.available and not row.was_available,
            became_unavailable=row.was_available and not row.available,
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
