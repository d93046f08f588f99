"""Re-ranking what was blended: an order that is diverse, caps, and positions for new items."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from domain.blend import BlendedRanking
from domain.diversity import POOL, diverse_order
from domain.errors import StoreUnavailableError
from domain.identifiers import ItemNo, RunId
from serving.candidates.catalogue_items import Candidates, NewItems
from serving.candidates.recommendations import Recommendations
from serving.lists.list_builder import (
    ExplorationSchedule,
    ListBuilder,
    build_list,
    explored_positions,
)
from serving.lists.recommendation_list import RecommendedItem, degraded_by
from serving.lists.request import RecommendationRequest
from serving.runs.live_runs import LiveRun
from serving.runtime.budget import SEARCHING, until

MOST_ITEMS = 20_000
"""About 20 MB; when there are more, all are let go."""

_SECONDS = 300.0
"""An item's vector may be made anew between two nights."""

NEAREST_NEW_ITEMS = 10
"""So many of the new items nearest to a user are rotated; those after them only fill long lists."""


@dataclass(eq=False, slots=True)
class _Kept:
    """What is kept of one run, which only grows: who has taken rows of it may go on with them."""

    run_id: RunId | None
    until: float
    rows: dict[int, int] = field(default_factory=dict)
    """Where each item stands in the matrix."""
    matrix: NDArray[np.float32] = field(default_factory=lambda: np.empty((0, 0), dtype=np.float32))

    def add(self, item_nos: Sequence[int], embeddings: NDArray[np.float32]) -> None:
        """Keep these too, those that have a vector: others may be given one any moment."""
        new = [
            row for row, no in enumerate(item_nos) if no not in self.rows and embeddings[row].any()
        ]
        if not new:
            return
        before, width = len(self.rows), embeddings.shape[1]
        if before + len(new) > len(self.matrix):
            grown = np.empty((2 * (before + len(new)), width), dtype=np.float32)
            grown[:before] = self.matrix[:before].reshape(before, width)
            self.matrix = grown
        self.matrix[before : before + len(new)] = embeddings[new]
        self.rows.update((item_nos[row], before + at) for at, row in enumerate(new))


class EmbeddingCache:
    """Taste and sequence parts of items' embeddings, of the run that was asked for last.

    Kept are those of items that are not in the memory of the process anyway.
    """

    def __init__(self, recommendations: Recommendations) -> None:
        self._recommendations = recommendations
        self._kept = _Kept(None, 0.0)

    async def load(self, run_id: RunId, item_nos: NDArray[np.integer]) -> NDArray[np.float32]:
        """Rows (n, d) of taste and sequence, zero for what has no vector.

        RunGoneError if the run was dropped.
        """
        in_memory = self._recommendations.at_hand(run_id)
        if in_memory is None:
            return await self._load(run_id, item_nos)
        known, embeddings = in_memory.taste_and_sequence(item_nos)
        if not known.all():
            others = await self._load(run_id, item_nos[~known])
            embeddings[~known] = others if others.size else 0.0
        return embeddings

    async def _load(self, run_id: RunId, item_nos: NDArray[np.integer]) -> NDArray[np.float32]:
        kept, asked = self._of_run(run_id), item_nos.tolist()
        rows = [kept.rows.get(no, -1) for no in asked]
        if -1 not in rows:
            return kept.matrix[rows]
        missing = [no for no, row in zip(asked, rows, strict=True) if row < 0]
        loaded = await self._recommendations.load_taste_and_sequence(run_id, np.array(missing))
        kept.add(missing, loaded)
        # One that somebody else has kept meanwhile may be as new as what was read here.
        width = max(loaded.shape[1], kept.matrix.shape[1])
        embeddings = np.zeros((len(asked), width), dtype=np.float32)
        for at, no in enumerate(asked):
            row = kept.rows.get(no)
            if row is not None:
                embeddings[at] = kept.matrix[row]
        return embeddings

    def _of_run(self, run_id: RunId) -> _Kept:
        """What is kept of a run; others may go on with what they have."""
        kept, now = self._kept, time.monotonic()
        if run_id != kept.run_id or now > kept.until or len(kept.rows) > MOST_ITEMS:
            self._kept = kept = _Kept(run_id, now + _SECONDS)
        return kept


class Reranker:
    """Re-ranks what was blended."""

    def __init__(self, recommendations: Recommendations, *, new_item_users: int) -> None:
        self._embeddings = EmbeddingCache(recommendations)
        self._new_item_users = new_item_users

    def new_items(self, request: RecommendationRequest, schedule: ExplorationSchedule) -> NewItems:
        """Which new items to look for; none if the list has no position for one."""
        positions = _positions(request, schedule)
        if not positions:
            return NewItems()
        return NewItems(
            count=len(positions) + NEAREST_NEW_ITEMS,
            fewer_users_than=self._new_item_users,
            from_users=int(schedule.users_offset * self._new_item_users),
            start=schedule.item_offset,
        )

    async def reranked(
        self,
        run: LiveRun,
        candidates: Candidates,
        ranked: BlendedRanking,
        request: RecommendationRequest,
        schedule: ExplorationSchedule,
    ) -> tuple[ListBuilder, str | None]:
        """The positions that candidates can fill, and why it is less than was asked, if it is.

        RunGoneError if the run was dropped.
        """
        order, degraded = await self._diverse_order(run, ranked, request)
        positions = _positions(request, schedule)
        rotated = _rotated(candidates.new, schedule)
        if not request.max_per_category:
            # Nobody is passed over, and what comes later is not needed.
            order = order[: request.limit]
            listed = {*ranked.item_nos[order].tolist()}
            rotated = [no for no in rotated if no not in listed][: len(positions)]
        items = candidate_items(candidates, ranked.reordered(order))
        new = [_new_item(candidates, ranked, no) for no in rotated]
        built = build_list(request.limit, request.max_per_category, items, new, positions)
        return built, degraded

    async def _diverse_order(
        self, run: LiveRun, ranked: BlendedRanking, request: RecommendationRequest
    ) -> tuple[NDArray[np.intp], str | None]:
        """Ranks, with the best in a more diverse order; as they were, if that takes too long."""
        as_blended = np.arange(len(ranked))
        if not request.diversity:
            return as_blended, None
        best = ranked.top(POOL * request.limit)
        try:
            with until(SEARCHING):
                embeddings = await self._embeddings.load(run.run_id, best.item_nos)
        except StoreUnavailableError as error:
            return as_blended, degraded_by(error)
        order = diverse_order(
            best.item_nos, best.scores, embeddings, request.diversity, request.limit
        )
        return np.concatenate([order, as_blended[len(best) :]]), None


def _positions(request: RecommendationRequest, schedule: ExplorationSchedule) -> frozenset[int]:
    return explored_positions(request.limit, request.explore or 0.0, schedule.position_offset)


def _rotated(new: Sequence[ItemNo], schedule: ExplorationSchedule) -> list[ItemNo]:
    """The nearest first, from another one on each hour, whatever the length of the list."""
    return [*schedule.rotated(new[:NEAREST_NEW_ITEMS]), *new[NEAREST_NEW_ITEMS:]]


def candidate_item(candidates: Candidates, ranked: BlendedRanking, rank: int) -> RecommendedItem:
    """The candidate of a rank, counted from 0."""
    by_source = {name: scores.item(rank) for name, scores in ranked.by_source.items()}
    return _item(candidates, ranked.item_nos.item(rank), ranked.scores.item(rank), by_source)


def candidate_items(candidates: Candidates, ranked: BlendedRanking) -> list[RecommendedItem]:
    """The candidates in their order."""
    scores = [ranked.scores, *ranked.by_source.values()]
    rows = zip(ranked.item_nos.tolist(), *(each.tolist() for each in scores), strict=True)
    return [
        _item(candidates, item_no, score, dict(zip(ranked.by_source, by_source, strict=True)))
        for item_no, score, *by_source in rows
    ]


def _item(
    candidates: Candidates, item_no: int, score: float, scores: Mapping[str, float]
) -> RecommendedItem:
    item_id, title, categories = candidates.items.texts(item_no)
    return RecommendedItem(ItemNo(item_no), item_id, title, score, scores, categories=categories)


def _new_item(candidates: Candidates, ranked: BlendedRanking, item_no: ItemNo) -> RecommendedItem:
    """A new item with the scores it has, if it is a candidate by itself."""
    (ranks,) = (ranked.item_nos == item_no).nonzero()
    if len(ranks):
        return replace(candidate_item(candidates, ranked, int(ranks[0])), explored=True)
    return replace(_item(candidates, item_no, 0.0, {}), explored=True)
