"""Lists that are the same for everybody: of a run, and of the catalogue."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from domain.identifiers import ItemNo, RunId, UserNo
from serving.candidates.catalogue_items import ListedItems, load_listed
from serving.candidates.filters import Filters
from serving.postgres.store import Store
from serving.runs.live_runs import check_run
from serving.runtime.faults import UserGoneError
from sql.statements import statements

_POPULAR = statements("popular")
_SERVING = statements("serving")

MOST_WELL_KNOWN = 500
"""Of so many well-known items some are chosen."""


class NonPersonalizedLists:
    """Reads them; every call about a run names it."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def load_listed(
        self, run_id: RunId, name: str, category: str, excluded: Sequence[ItemNo]
    ) -> ListedItems:
        """The eligible part of one of a run's lists; RunGoneError if the run was dropped."""
        filters = Filters.of_category(category)
        return await load_listed(self._store, run_id, name, excluded, filters)

    async def load_latest(
        self, category: str, excluded: Sequence[ItemNo], *, items: int
    ) -> ListedItems:
        """The eligible items that came into the catalogue last, all with score 0."""
        parameters = _eligible(category, excluded, items)
        return ListedItems.of(await self._store.rows(_SERVING["load_latest"], parameters))

    async def load_well_known(
        self, run_id: RunId, category: str
    ) -> tuple[list[ItemNo], NDArray[np.float32]]:
        """A run's well-known items (n,), the best known first, and their vectors (n, d).

        The vectors are their taste and sequence parts. RunGoneError if the run was dropped.
        """
        parameters = {"run_id": run_id, "category": category, "items": MOST_WELL_KNOWN}
        rows = await self._store.rows(_POPULAR["load_well_known"], parameters)
        if not rows:
            await check_run(self._store, run_id)
            return [], np.empty((0, 0), dtype=np.float32)
        vectors = np.stack([row.embedding.to_numpy() for row in rows]).astype(np.float32)
        return [ItemNo(row.item_no) for row in rows], vectors

    async def load_eligible(
        self, item_nos: Sequence[ItemNo], category: str, excluded: Sequence[ItemNo], *, items: int
    ) -> ListedItems:
        """The first `items` of these that are eligible and of the category now, in the same order.

        All have the score 0; the category '' is the whole catalogue.
        """
        parameters = {"item_nos": list(item_nos), **_eligible(category, excluded, items)}
        return ListedItems.of(await self._store.rows(_SERVING["load_eligible"], parameters))

    async def load_excluded(self, user_no: UserNo) -> tuple[ItemNo, ...]:
        """What a user has seen, disliked or hidden; UserGoneError if the user was forgotten."""
        rows = await self._store.rows(_SERVING["load_exclusions"], {"user_nos": [user_no]})
        if not rows:
            raise UserGoneError
        return (*rows[0].seen, *rows[0].disliked)


def _eligible(category: str, excluded: Sequence[ItemNo], items: int) -> dict[str, Any]:
    filters = Filters.of_category(category)
    return {"excluded": list(excluded), "items": items, **filters.parameters()}
