"""What a process reads of the catalogue for its fallback: some items of each category."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import orjson

from domain.blend import CANDIDATES
from domain.identifiers import ItemNo, RunId
from serving.candidates.catalogue_items import CatalogueItem, as_array
from serving.postgres.store import Store
from serving.runs.live_runs import check_run
from sql.statements import statements

_FALLBACK = statements("fallback")


@dataclass(frozen=True, slots=True)
class FirstOfCategory:
    """The first items of a category's popular list; '' is the whole catalogue."""

    category: str
    scores: dict[ItemNo, float]
    """By item, best first; they can be compared with those of other categories."""


@dataclass(frozen=True, slots=True)
class CataloguePage:
    """Some of the catalogue, by category; '' is that of items that have none."""

    newest: Mapping[str, Sequence[ItemNo]]
    """The newest first."""
    oldest: ItemNo | None
    """Of all items of the page; None: there are none."""
    is_full: bool
    """Whether there may be older ones."""


class FallbackReader:
    """Reads it; only what is available counts."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def load_first_of_categories(
        self, run_id: RunId, *, items: int
    ) -> Sequence[FirstOfCategory]:
        """About so many items of a run's lists by category; RunGoneError if the run was dropped."""
        parameters = {"run_id": run_id, "items": items, "of_all": CANDIDATES}
        (row,) = await self._store.rows(_FALLBACK["load_first_of_categories"], parameters)
        if row.lists is None:
            await check_run(self._store, run_id)
            return ()
        return [
            FirstOfCategory(category, dict(zip(item_nos, scores, strict=True)))
            for category, item_nos, scores in orjson.loads(row.lists)
        ]

    async def load_page(self, before: ItemNo, *, items: int, each: int) -> CataloguePage:
        """The `items` newest items before one; of each category no more than `each`."""
        parameters = {"before": before, "items": items, "each": each}
        (row,) = await self._store.rows(_FALLBACK["load_catalogue_page"], parameters)
        newest = orjson.loads(row.newest) if row.newest else {}
        return CataloguePage(newest, row.oldest, is_full=row.items == items)

    async def load_items(self, item_nos: Sequence[ItemNo]) -> list[CatalogueItem]:
        """Those of the items that are available, in any order."""
        parameters = {"item_nos": as_array(item_nos)}
        (row,) = await self._store.rows(_FALLBACK["load_fallback_items"], parameters)
        return [
            CatalogueItem(ItemNo(item_no), item_id, title, tuple(categories))
            for item_no, item_id, title, categories in orjson.loads(row.items or "[]")
        ]
