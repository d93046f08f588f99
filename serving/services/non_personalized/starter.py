"""Items to choose from at the first visit: well known, and far from each other."""

import hashlib
from dataclasses import dataclass, field

import numpy as np
from cachetools import LRUCache
from numpy.typing import NDArray

from domain.identifiers import ItemNo
from serving.repositories.non_personalized_lists import NonPersonalizedLists
from serving.runs.live_runs import LiveRun
from serving.services.non_personalized.farthest_first import farthest_first

_STARTS = 10
"""A session begins with one of so many of the best known items."""
_MOST_CHOSEN = 200
"""Longer than any list, so that items may be left out."""
_MOST_POOLS = 64


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
