"""Making a non-personalized list: its own items, then what is popular, then anything eligible."""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from cachetools import LRUCache
from numpy.typing import NDArray

from domain.identifiers import ItemNo, RunId, UserNo
from serving.candidates.catalogue_items import ListedItems, load_eligible, load_listed
from serving.candidates.filters import Filters
from serving.lists.list_maker import ListMaker
from serving.lists.recommendation_list import RecommendedItem, backfill_items, with_scores
from serving.lists.ruled_lists import ListRuler
from serving.non_personalized.non_personalized_list import (
    NonPersonalizedList,
    NonPersonalizedRequest,
)
from serving.postgres.store import ReadStore
from serving.runs.live_runs import LiveRun, check_run
from serving.runtime.faults import UserGoneError
from sql.statements import statements

_POPULAR = statements("popular")
_SERVING = statements("serving")

MOST_WELL_KNOWN = 500
"""Of so many well-known items some are chosen."""

_STARTS = 10
"""A session begins with one of so many of the best known items."""
_MOST_CHOSEN = 200
"""Longer than any list, so that items may be left out."""
_MOST_POOLS = 64


class NonPersonalizedLists:
    """Reads them; every call about a run names it."""

    def __init__(self, store: ReadStore) -> None:
        self.store = store

    async def load_latest(
        self, filters: Filters, excluded: Sequence[ItemNo], *, items: int
    ) -> ListedItems:
        """The eligible items that came into the catalogue last, all with score 0."""
        parameters = _eligible(filters, excluded, items)
        name = "load_latest_within" if parameters["item_bounds"] else "load_latest"
        return ListedItems.of(await self.store.rows(_SERVING[name], parameters))

    async def load_well_known(
        self, run_id: RunId, category: str
    ) -> tuple[list[ItemNo], NDArray[np.float32]]:
        """A run's well-known items (n,), the best known first, and their vectors (n, d).

        The vectors are their taste and sequence parts. RunGoneError if the run was dropped.
        """
        parameters = {"run_id": run_id, "category": category, "items": MOST_WELL_KNOWN}
        rows = await self.store.rows(_POPULAR["load_well_known"], parameters)
        if not rows:
            await check_run(self.store, run_id)
            return [], np.empty((0, 0), dtype=np.float32)
        vectors = np.stack([row.embedding.to_numpy() for row in rows]).astype(np.float32)
        return [ItemNo(row.item_no) for row in rows], vectors

    async def load_excluded(self, user_no: UserNo) -> tuple[ItemNo, ...]:
        """What a user has seen, disliked or hidden; UserGoneError if the user was forgotten."""
        rows = await self.store.rows(_SERVING["load_exclusions"], {"user_nos": [user_no]})
        if not rows:
            raise UserGoneError
        return (*rows[0].seen, *rows[0].disliked)


def _eligible(filters: Filters, excluded: Sequence[ItemNo], items: int) -> dict[str, Any]:
    return {"excluded": list(excluded), "items": items, **filters.parameters()}


def farthest_first(vectors: NDArray[np.float32], first: int, count: int) -> NDArray[np.intp]:
    """Rows of `vectors` (n, d), up to `count` distinct ones, each the farthest from those before.

    It begins with the row `first`. Far is 1 - cosine to the nearest of those chosen, in [0, 2]; a
    vector of zeros is at 1 from all. Of rows as far the earlier one is taken. However many are
    taken, the first k are the same, and none of the others is farther from them than the last of
    them was (Gonzalez 1985).
    """
    most = min(count, len(vectors))
    if most <= 0:
        return np.empty(0, dtype=np.intp)
    directions = _directions(vectors)
    chosen = np.empty(most, dtype=np.intp)
    nearest = np.full(len(vectors), np.inf)
    for index in range(most):
        chosen[index] = first if index == 0 else int(np.argmax(nearest))
        nearest = np.minimum(nearest, 1.0 - directions @ directions[chosen[index]])
        nearest[chosen[: index + 1]] = -np.inf
    return chosen


def _directions(vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    """The vectors at length 1; those of zeros stay."""
    wide = vectors.astype(np.float64)
    lengths = np.linalg.norm(wide, axis=1, keepdims=True)
    return np.asarray(np.divide(wide, lengths, out=np.zeros_like(wide), where=lengths > 0))


@dataclass(slots=True)
class _Pool:
    """The well-known items of a run and category, and the orders they were put in so far."""

    item_nos: NDArray[np.int32]
    vectors: NDArray[np.float32]
    orders: dict[int, list[ItemNo]] = field(default_factory=dict)

    def order(self, start: int) -> list[ItemNo]:
        """The items in the order they are offered, beginning with the one at `start`."""
        if start not in self.orders:
            rows = farthest_first(self.vectors, start, _MOST_CHOSEN)
            self.orders[start] = [ItemNo(no) for no in self.item_nos[rows].tolist()]
        return self.orders[start]


class Starter:
    """Chooses starters; of a run each process makes each choice once."""

    def __init__(self, lists: NonPersonalizedLists) -> None:
        self._lists = lists
        self._pools: LRUCache[tuple[str, str], _Pool] = LRUCache(_MOST_POOLS)

    async def order(self, run: LiveRun, category: str, session: str | None) -> list[ItemNo]:
        """Well-known items in the order they are offered, whether or not they are available.

        The same for a session as long as the run is served, in every process. Empty if the run has
        none of the category; RunGoneError if the run was dropped.
        """
        pool = await self._pool(run, category)
        return [] if pool is None else pool.order(start_of(session, len(pool.item_nos)))

    async def _pool(self, run: LiveRun, category: str) -> _Pool | None:
        key = (run.version, category)
        known = self._pools.get(key)
        if known is not None:
            return known
        item_nos, vectors = await self._lists.load_well_known(run.run_id, category)
        if not item_nos:
            return None
        pool = self._pools[key] = _Pool(np.array(item_nos, dtype=np.int32), vectors)
        return pool


def start_of(session: str | None, items: int) -> int:
    """The index among the first ten of so many items that a session begins with; 0 without one.

    `items` is at least 1.
    """
    if session is None:
        return 0
    digest = hashlib.sha256(session.encode()).digest()
    return int.from_bytes(digest[:8], "big") % min(_STARTS, items)


class NonPersonalizedListMaker:
    """Makes lists; a list has as many items as were asked for, or all that are eligible."""

    def __init__(
        self, lists: NonPersonalizedLists, list_maker: ListMaker, ruler: ListRuler
    ) -> None:
        self.lists = lists
        self.list_maker = list_maker
        self.starter = Starter(lists)
        self._ruler = ruler

    async def make(
        self, run: LiveRun | None, request: NonPersonalizedRequest, excluded: Sequence[ItemNo] = ()
    ) -> NonPersonalizedList:
        """The list with its rules; RunGoneError if the run was dropped.

        Where it would be empty, or there is no run yet, it is what is popular.
        """
        return await self._ruler.ruled(_UnruledList(self, run, request, excluded), request)


@dataclass(frozen=True, slots=True)
class _UnruledList:
    """One list as it is made without rules."""

    of: NonPersonalizedListMaker
    run: LiveRun | None
    request: NonPersonalizedRequest
    excluded: Sequence[ItemNo]

    async def listed(self, count: int, left_out: Collection[ItemNo]) -> NonPersonalizedList:
        """See `UnruledList`."""
        run, key = self.run, self.request.listed
        excluded = [*self.excluded, *left_out]
        items = (await self._own_items(count, excluded))[:count]
        strategy = key.strategy if items or key.name == "latest" else "popular"
        missing = count - len(items)
        if not missing or strategy == "latest":
            return NonPersonalizedList(strategy, run, items)
        popular = await self.of.list_maker.popular(
            run,
            limit=missing,
            excluded=[*excluded, *(item.item_no for item in items)],
            filters=self.request.filters,
        )
        return NonPersonalizedList(
            strategy, run, (*items, *backfill_items(popular)) if items else popular
        )

    async def looked_up(self, item_nos: Sequence[ItemNo]) -> Sequence[RecommendedItem]:
        """See `UnruledList`."""
        eligible = await load_eligible(
            self.of.lists.store,
            item_nos,
            self.excluded,
            self.request.filters,
            items=len(item_nos),
        )
        return backfill_items(eligible.items.values())

    async def _own_items(
        self, count: int, excluded: Sequence[ItemNo]
    ) -> tuple[RecommendedItem, ...]:
        key, run, filters = self.request.listed, self.run, self.request.filters
        lists = self.of.lists
        if key.name == "latest":
            latest = await lists.load_latest(filters, excluded, items=count)
            return backfill_items(latest.items.values())
        if run is None or key.name == "popular":
            return ()
        if key.name == "starter":
            order = await self.of.starter.order(run, key.category, self.request.session)
            eligible = await load_eligible(lists.store, order, excluded, filters, items=count)
            return backfill_items(eligible.items.values())
        return with_scores(await load_listed(lists.store, run.run_id, key.name, excluded, filters))
