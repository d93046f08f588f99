"""Eligible items in the order of a list, and the lists of a run."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy import Row

from domain.blend import CANDIDATES
from domain.identifiers import ItemNo, RunId
from domain.rankings import Ranking
from serving.postgres.store import Store
from serving.repositories.candidates import CatalogueItem
from serving.repositories.filters import Filters
from serving.repositories.runs import check_run
from sql.statements import statements

_SERVING = statements("serving")


@dataclass(frozen=True, slots=True)
class ListedItems:
    """Eligible items with scores, best first."""

    ranking: Ranking
    items: dict[ItemNo, CatalogueItem]

    @classmethod
    def of(cls, rows: Sequence[Row[Any]]) -> "ListedItems":
        """Rows keep their order: equal scores stand as the statement put them."""
        ranking = Ranking(
            np.array([row.item_no for row in rows], dtype=np.int32),
            np.array([row.score for row in rows], dtype=np.float64),
        )
        items = {
            ItemNo(row.item_no): CatalogueItem(
                ItemNo(row.item_no), row.item_id, row.title, tuple(row.categories)
            )
            for row in rows
        }
        return cls(ranking, items)


async def load_listed(
    store: Store, run_id: RunId, name: str, excluded: Sequence[ItemNo], filters: Filters
) -> ListedItems:
    """The eligible part of one of a run's lists; RunGoneError if the run was dropped.

    Of a single category it is the category's own list.
    """
    parameters = {
        "run_id": run_id,
        "list": name,
        "category": filters.any_of[0] if len(filters.any_of) == 1 else "",
        "excluded": list(excluded),
        "items": CANDIDATES,
        **filters.parameters(),
    }
    rows = await store.rows(_SERVING["load_listed"], parameters)
    if not rows:
        await check_run(store, run_id)
    return ListedItems.of(rows)
