"""Items that are similar in a run, and how similar items are to each other."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Integer, Row, bindparam

from domain.identifiers import ItemId, ItemNo, RunId
from serving.candidates.filters import EVERYTHING, Filters
from serving.postgres.store import ReadStore
from serving.runs.live_runs import ItemIndex, check_run
from serving.runs.vector_indexes import VectorIndexes, without_index
from sql.statements import statements

_SIMILAR = statements("similar")
_NEAREST = 1000

# As for candidates, the planner needs both numbers as constants to find the partition's index.
_BY_INDEX = _SIMILAR["load_nearest_by_index"].bindparams(
    bindparam("run_id", type_=Integer, literal_execute=True),
    bindparam("dimensions", type_=Integer, literal_execute=True),
)


@dataclass(frozen=True, slots=True)
class ItemFilters:
    """The filters of a request, and what its words ask of items."""

    filters: Filters = EVERYTHING
    binding: str | None = None
    """A text search query that items must match; None: they need not."""
    unwanted: str | None = None
    """One that they must not."""
    unwanted_is_common: bool = False
    """Whether it matches a thousand items or more: then it is only looked for among the nearest."""

    @property
    def leave_few(self) -> bool:
        """Whether they may leave but a small part of the catalogue."""
        return self.binding is not None or self.filters.keep_few

    def parameters(self, excluded: Collection[ItemNo]) -> dict[str, Any]:
        """As statements take them, with items that are left out."""
        return {
            "excluded": list(excluded),
            **self.filters.parameters(),
            "binding": self.binding,
            "unwanted": self.unwanted,
        }


@dataclass(frozen=True, slots=True)
class Seed:
    """An item that others are to be like."""

    item_no: ItemNo
    item_id: str
    similarity_embedding: NDArray[np.float32] | None
    """(2 d,); None if the run knows nothing of the item."""
    is_embedded: bool
    """False: the similarity embedding, if there is one, is that of the item's words."""


@dataclass(frozen=True, slots=True)
class NearestItem:
    """An eligible item, and how similar it is."""

    item_no: ItemNo
    item_id: str
    title: str
    score: float
    """The inner product of both similarity embeddings, at most 1."""
    used_by_same_people: float
    """Its first half: taste and sequence."""


class SimilarItems:
    """Reads similarity embeddings; every call names the run it reads."""

    def __init__(self, store: ReadStore, indexes: VectorIndexes | None = None) -> None:
        self._store = store
        self._indexes = indexes or VectorIndexes(store)

    def lacks(self, index: ItemIndex | None) -> bool:
        """Whether an index that should be there cannot be used just now."""
        return self._indexes.unusable(index)

    async def find_seeds(self, run_id: RunId | None, item_ids: Sequence[ItemId]) -> list[Seed]:
        """Those of the items that exist."""
        parameters = {"run_id": run_id, "item_ids": list(item_ids)}
        rows = await self._store.rows(_SIMILAR["load_seeds"], parameters)
        return [_seed(row) for row in rows]

    async def load_nearest(
        self,
        run_id: RunId,
        similarity_embedding: Any,
        excluded: Collection[ItemNo],
        filters: ItemFilters,
        *,
        items: int,
        index: ItemIndex | None = None,
    ) -> list[NearestItem]:
        """The eligible items nearest to a similarity embedding; RunGoneError if the run is gone.

        `index`: the index to look with; None: compare with every item.
        """
        parameters = {
            "run_id": run_id,
            "similarity_embedding": similarity_embedding,
            "items": items,
            "nearest": items,
            "unwanted_among": None,
            **filters.parameters(excluded),
        }
        if filters.unwanted_is_common:
            # Else all items that have it would be listed, and the index look at nearly everything.
            among = {"unwanted": None, "unwanted_among": filters.unwanted}
            parameters |= {**among, "nearest": max(items, _NEAREST)}
        # Among few the index would look at nearly everything before it gave up.
        if index is not None and not filters.leave_few:
            rows = await self._indexes.rows(index, _BY_INDEX, parameters)
            if rows is None:
                with without_index():
                    return await self._compared(run_id, parameters)
            # A user who has seen nearly everything: the index gave up before it had enough. Without
            # any row the run may be gone.
            if len(rows) >= items or (rows and filters.unwanted_is_common):
                return _nearest(rows)
        return await self._compared(run_id, parameters)

    async def _compared(self, run_id: RunId, parameters: dict[str, Any]) -> list[NearestItem]:
        """The same without an index."""
        name = "load_nearest_within" if parameters["is_filtered"] else "load_nearest"
        rows = await self._store.rows(_SIMILAR[name], parameters)
        if not rows:
            await self.check_run(run_id)
        return _nearest(rows)

    async def load_most_used(
        self,
        run_id: RunId | None,
        excluded: Collection[ItemNo],
        filters: ItemFilters,
        *,
        items: int,
    ) -> list[NearestItem]:
        """Up to `items` eligible items, those the run knows best first, all with score 0."""
        parameters = {"run_id": run_id, "items": items, **filters.parameters(excluded)}
        rows = await self._store.rows(_SIMILAR["load_most_used"], parameters)
        return [NearestItem(ItemNo(row.item_no), row.item_id, row.title, 0.0, 0.0) for row in rows]

    async def load_fitting(
        self, item_nos: Sequence[ItemNo], excluded: Collection[ItemNo], filters: ItemFilters
    ) -> list[NearestItem]:
        """Those of some items that are eligible, in the same order, all with score 0."""
        parameters = {"item_nos": list(item_nos), **filters.parameters(excluded)}
        rows = await self._store.rows(_SIMILAR["load_fitting"], parameters)
        return [NearestItem(ItemNo(row.item_no), row.item_id, row.title, 0.0, 0.0) for row in rows]

    async def check_run(self, run_id: RunId) -> None:
        """Tell a run that has nothing here from one that was dropped meanwhile: RunGoneError."""
        await check_run(self._store, run_id)


def _seed(row: Row[Any]) -> Seed:
    similarity_embedding = (
        None if row.similarity_embedding is None else row.similarity_embedding.to_numpy()
    )
    return Seed(ItemNo(row.item_no), row.item_id, similarity_embedding, row.is_embedded)


def _nearest(rows: Sequence[Row[Any]]) -> list[NearestItem]:
    return [
        NearestItem(ItemNo(row.item_no), row.item_id, row.title, row.score, row.used_by_same_people)
        for row in rows
    ]
