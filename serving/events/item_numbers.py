"""The numbers of items, kept at hand."""

from collections.abc import Iterable

from cachetools import LRUCache

from domain.identifiers import ItemNo
from serving.candidates.catalogue_items import find_item_nos
from serving.postgres.store import ReadStore

_MOST = 50_000


class ItemNumbers:
    """The numbers of items by their ids; those that were not asked for longest are forgotten.

    An item keeps its number until the load that made it is taken back. Whoever writes a number that
    is gone is told so, and must let it be forgotten here.
    """

    def __init__(self, store: ReadStore) -> None:
        self._store = store
        self._numbers: LRUCache[str, ItemNo] = LRUCache(_MOST)

    async def find(self, item_ids: Iterable[str]) -> dict[str, ItemNo]:
        """The numbers of those items that exist."""
        found: dict[str, ItemNo] = {}
        unknown: set[str] = set()
        for item_id in item_ids:
            number = self._numbers.get(item_id)
            if number is None:
                unknown.add(item_id)
            else:
                found[item_id] = number
        if unknown:
            looked_up = await find_item_nos(self._store, unknown)
            self._numbers.update(looked_up)
            found.update(looked_up)
        return found

    def at_hand(self, item_id: str) -> ItemNo | None:
        """The number of an item if it is known here."""
        return self._numbers.get(item_id)

    def forget(self, item_ids: Iterable[str]) -> None:
        """Look these up again when they are next asked for."""
        for item_id in item_ids:
            self._numbers.pop(item_id, None)
