"""Lists that are the same for everybody: of a run, and of the catalogue."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Row

from domain.blend import CANDIDATES
from domain.identifiers import ItemNo, RunId, UserNo
from domain.rankings import Ranking
from serving.faults import RunGoneError, UserGoneError
from serving.repositories.candidates import CatalogueItem
from serving.repositories.recommendations import ListedItems
from serving.repositories.store import Store
from sql.statements import statements

_POPULAR = statements("popular")
_SERVING = statements("serving")

MOST_WELL_KNOWN = 500
"""Of so many well-known items some are chosen."""


class Shelves:
    """Reads them; every call about a run names it."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def load_listed(
        self, run_id: RunId, name: str, category: str, excluded: Sequence[ItemNo]
    ) -> ListedItems:
        """The eligible part of one of a run's lists; RunGoneError if the run was dropped."""
        parameters = {
            "run_id": run_id,
            "list": name,
            "category": category,
            "excluded": list(excluded),
            "items": CANDIDATES,
        }
        rows = await self._store.rows(_POPULAR["load_listed"], parameters)
        if not rows:
            await self._check_run(run_id)
        return _listed(rows)

    async def load_latest(
        self, category: str, excluded: Sequence[ItemNo], *, items: int
    ) -> ListedItems:
        """The eligible items that came into the catalogue last, all with score 0."""
        parameters = {"category": category, "excluded": list(excluded), "items": items}
        return _listed(await self._store.rows(_POPULAR["load_latest"], parameters))

    async def load_well_known(
        self, run_id: RunId, category: str
    ) -> tuple[list[ItemNo], NDArray[np.float32]]:
        """A run's well-known items (n,), the best known first, and their vectors (n, d).

        The vectors are their taste and sequence parts. RunGoneError if the run was dropped.
        """
        parameters = {"run_id": run_id, "category": category, "items": MOST_WELL_KNOWN}
        rows = await self._store.rows(_POPULAR["load_well_known"], parameters)
        if not rows:
            await self._check_run(run_id)
            return [], np.empty((0, 0), dtype=np.float32)
        vectors = np.stack([row.embedding.to_numpy() for row in rows]).astype(np.float32)
        return [ItemNo(row.item_no) for row in rows], vectors

    async def load_eligible(
        self, item_nos: Sequence[ItemNo], category: str, excluded: Sequence[ItemNo], *, items: int
    ) -> ListedItems:
        """The first `items` of these that are eligible and of the category now, in the same order.

        All have the score 0; the category '' is the whole catalogue.
        """
        parameters = {
            "item_nos": list(item_nos),
            "category": category,
            "excluded": list(excluded),
            "items": items,
        }
        return _listed(await self._store.rows(_POPULAR["load_eligible"], parameters))

    async def load_excluded(self, user_no: UserNo) -> tuple[ItemNo, ...]:
        """What a user has seen or spoke against; UserGoneError if the user was forgotten."""
        rows = await self._store.rows(_SERVING["load_exclusions"], {"user_nos": [user_no]})
        if not rows:
            raise UserGoneError
        return (*rows[0].seen, *rows[0].against)

    async def _check_run(self, run_id: RunId) -> None:
        """Tell a run that has nothing here from one that was dropped meanwhile."""
        rows = await self._store.rows(_SERVING["run_has_partitions"], {"run_id": run_id})
        if not rows[0][0]:
            raise RunGoneError


def _listed(rows: Sequence[Row[Any]]) -> ListedItems:
    """Rows keep their order."""
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
    return ListedItems(ranking, items)
