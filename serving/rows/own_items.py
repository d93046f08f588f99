"""What a user has done, as rows of a page are made from it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from domain.identifiers import ItemId, ItemNo, UserNo
from serving.candidates.catalogue_items import ListedItems
from serving.candidates.filters import Filters
from serving.postgres.store import ReadStore
from sql.statements import as_array, statements

_ROWS = statements("rows")
_LIKINGS = 100
"""So many of the newest say which category a user likes most."""


@dataclass(frozen=True, slots=True)
class SeedItem:
    """An item that a row is made because of."""

    item_id: ItemId
    title: str | None
    """None: the request named it."""


class OwnItems:
    """Reads it."""

    def __init__(self, store: ReadStore) -> None:
        self._store = store

    async def load_begun(
        self,
        user_no: UserNo,
        filters: Filters,
        excluded: Collection[ItemNo],
        *,
        begun: Sequence[str],
        finished: Sequence[str],
        days: int,
        items: int,
    ) -> ListedItems:
        """Eligible items that were begun in the last days and not finished since."""
        parameters = {
            "user_no": user_no,
            "begun": list(begun),
            "finished": list(finished),
            "since": datetime.now(UTC) - timedelta(days=days),
            "excluded": as_array([*excluded]),
            "items": items,
            **filters.parameters(),
        }
        return ListedItems.of(await self._store.rows(_ROWS["load_begun"], parameters))

    async def load_newest_liked(
        self, user_no: UserNo, excluded: Collection[ItemNo], *, items: int
    ) -> list[SeedItem]:
        """What the user liked last, the newest first."""
        parameters = {"user_no": user_no, "excluded": as_array([*excluded]), "items": items}
        rows = await self._store.rows(_ROWS["load_newest_liked"], parameters)
        return [SeedItem(ItemId(row.item_id), row.title) for row in rows]

    async def find_top_category(self, user_no: UserNo) -> str | None:
        """The category the user likes most; None: no item that was liked has one."""
        parameters = {"user_no": user_no, "likings": _LIKINGS}
        rows = await self._store.rows(_ROWS["find_top_category"], parameters)
        return rows[0].category if rows else None
