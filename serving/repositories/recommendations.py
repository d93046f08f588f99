"""What a run, the log and the catalogue hold of one user's recommendations."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sqlalchemy import Integer, Row, bindparam

from domain.blend import CANDIDATES
from domain.identifiers import ItemNo, Position, RunId, UserId, UserNo
from domain.rankings import Ranking
from serving.faults import RunGoneError, UserGoneError
from serving.repositories.exclusions import Exclusions
from serving.repositories.runs import ItemIndex
from serving.repositories.store import Store
from sql.statements import statements

_SERVING = statements("serving")
_INDEX = statements("index")

# The planner finds a partition's index over an expression only where both numbers are constants.
_CANDIDATES_BY_INDEX = _SERVING["load_candidates_by_index"].bindparams(
    bindparam("run_id", type_=Integer, literal_execute=True),
    bindparam("dimensions", type_=Integer, literal_execute=True),
)


@dataclass(frozen=True, slots=True)
class UserState:
    """All that a run and the log know of one user."""

    batch: Ranking
    """The batch list as the run has it: not yet only what is eligible."""
    embedding: Any
    """The live vector as the driver gives it; None if the user has none."""
    events_since_cut_off: int
    excluded: tuple[ItemNo, ...]
    """What stays out of this list."""
    known: Position | None = None
    """The position up to which the live vector knows the log; None if the user has none."""
    exclusions: Exclusions = field(default_factory=Exclusions)
    """What stays out of this list and others."""


@dataclass(frozen=True, slots=True)
class CatalogueItem:
    """What an answer tells of an item."""

    item_no: ItemNo
    item_id: str
    title: str


@dataclass(frozen=True, slots=True)
class ListedItems:
    """Eligible items with scores, best first."""

    ranking: Ranking
    items: dict[ItemNo, CatalogueItem]

    @classmethod
    def empty(cls) -> "ListedItems":
        """Nothing eligible."""
        return cls(Ranking.empty(), {})


@dataclass(frozen=True, slots=True)
class Candidates:
    """The eligible items of both sources."""

    batch: Ranking
    speed: Ranking
    items: dict[ItemNo, CatalogueItem]


class Recommendations:
    """Reads lists and vectors; every call names the run it reads."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def find_user_no(self, user_id: UserId) -> UserNo | None:
        """A user's number; None if the log has never seen the user."""
        rows = await self._store.rows(_SERVING["find_user_no"], {"user_id": user_id})
        return UserNo(rows[0].user_no) if rows else None

    async def load_user_state(
        self, run_id: RunId | None, user_no: UserNo, *, exclude_seen: bool
    ) -> UserState:
        """A user's list, vector and excluded items.

        RunGoneError if the run was dropped, UserGoneError if the user was forgotten.
        """
        parameters = {"run_id": run_id, "user_no": user_no}
        (row,) = await self._store.rows(_SERVING["load_user_state"], parameters)
        if run_id is not None and not row.has_partitions:
            raise RunGoneError
        if not row.is_user:
            raise UserGoneError
        exclusions = Exclusions(frozenset(row.seen), frozenset(row.against))
        return UserState(
            batch=_ranking(row.item_nos or [], row.scores or []),
            embedding=row.embedding,
            events_since_cut_off=row.events_since_cut_off,
            excluded=tuple(exclusions.of(exclude_seen=exclude_seen)),
            known=None if row.embedding is None else row.position,
            exclusions=exclusions,
        )

    async def load_candidates(
        self, run_id: RunId, user: UserState, *, index: ItemIndex | None = None
    ) -> Candidates:
        """The eligible items of both sources; RunGoneError if the run was dropped.

        `index`: the index to look for the nearest items with; None: compare with every item.
        """
        rows = await self._nearest(run_id, user, index)
        near = [row for row in rows if row.score is not None]
        if user.embedding is not None and not near:
            await self._check_run(run_id)
        eligible = np.array([row.item_no for row in rows if row.score is None], dtype=np.int32)
        return Candidates(
            batch=user.batch.only(eligible).top(CANDIDATES),
            speed=_ranking([row.item_no for row in near], [row.score for row in near]),
            items=_catalogue_items(rows),
        )

    async def _nearest(
        self, run_id: RunId, user: UserState, index: ItemIndex | None
    ) -> Sequence[Row[Any]]:
        """Rows with a score of the nearest items, rows without of the batch list's."""
        parameters: dict[str, Any] = {
            "excluded": list(user.excluded),
            "batch_item_nos": user.batch.item_nos.tolist(),
        }
        if user.embedding is None:
            return await self._store.rows(_SERVING["load_batch_candidates"], parameters)
        parameters |= {"run_id": run_id, "embedding": user.embedding, "candidates": CANDIDATES}
        if index is not None:
            rows = await self._store.prepared_rows(
                _INDEX["prepare_index_search"],
                _CANDIDATES_BY_INDEX,
                {**parameters, "dimensions": index.dimensions},
            )
            # A user who has seen nearly everything: the index gave up before it had enough.
            if sum(row.score is not None for row in rows) >= CANDIDATES:
                return rows
        return await self._store.rows(_SERVING["load_candidates"], parameters)

    async def load_popular(
        self, run_id: RunId, excluded: Sequence[ItemNo], *, category: str = ""
    ) -> ListedItems:
        """The eligible part of a run's popular list; RunGoneError if the run was dropped."""
        parameters = {
            "run_id": run_id,
            "category": category,
            "excluded": list(excluded),
            "items": CANDIDATES,
        }
        rows = await self._store.rows(_SERVING["load_popular"], parameters)
        if not rows:
            await self._check_run(run_id)
        return _listed(rows)

    async def load_popular_of_log(
        self, excluded: Sequence[ItemNo], *, category: str = "", events: int
    ) -> ListedItems:
        """What the newest `events` interactions were about most often."""
        parameters = {
            "excluded": list(excluded),
            "category": category,
            "events": events,
            "items": CANDIDATES,
        }
        return _listed(await self._store.rows(_SERVING["load_popular_of_log"], parameters))

    async def load_any_items(
        self, excluded: Sequence[ItemNo], *, category: str = "", items: int
    ) -> ListedItems:
        """Up to `items` eligible items, the newest first, all with score 0."""
        parameters = {"excluded": list(excluded), "category": category, "items": items}
        rows = await self._store.rows(_SERVING["load_any_items"], parameters)
        return _listed(rows)

    async def _check_run(self, run_id: RunId) -> None:
        """Tell a run that has nothing here from one that was dropped meanwhile."""
        rows = await self._store.rows(_SERVING["run_has_partitions"], {"run_id": run_id})
        if not rows[0][0]:
            raise RunGoneError


def _ranking(item_nos: Sequence[int], scores: Sequence[float]) -> Ranking:
    return Ranking.of(np.array(item_nos, dtype=np.int32), np.array(scores, dtype=np.float64))


def _catalogue_items(rows: Sequence[Row[Any]]) -> dict[ItemNo, CatalogueItem]:
    return {
        ItemNo(row.item_no): CatalogueItem(ItemNo(row.item_no), row.item_id, row.title)
        for row in rows
    }


def _listed(rows: Sequence[Row[Any]]) -> ListedItems:
    """Rows keep their order: equal scores stand as the statement put them."""
    ranking = Ranking(
        np.array([row.item_no for row in rows], dtype=np.int32),
        np.array([row.score for row in rows], dtype=np.float64),
    )
    return ListedItems(ranking, _catalogue_items(rows))
