"""What folding reads of a run's items, kept in memory where it can never change."""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from domain.identifiers import ItemNo
from domain.live_vector import History, ItemVectors
from domain.recent_transitions import added
from domain.transitions import Transitions
from sql.live_vectors import (
    RunSpace,
    find_items_followed,
    load_item_vectors_and_makers,
    load_recent_transitions,
    load_transitions_of_items,
)

_Row = NDArray[np.float32]


class RunItems:
    """Vectors and transitions of a run's items; those of `most` items are kept.

    Kept are vectors that the night made of the items' users: no embedding between nights touches
    them (`store_cold_items`). The others are read each time. A run's transitions never change;
    those since its cut-off do, and are read each time.
    Once there are too many, all are let go: to note who was used last would cost more than to read
    them again.
    """

    def __init__(self, run: RunSpace, most: int = 0) -> None:
        self.run = run
        self._most = most
        self._vectors: dict[int, _Row] = {}
        """By item all numbers of one: vector, context, the two scales."""
        self._transitions: dict[int, tuple[NDArray[np.int32], NDArray[np.float32]]] = {}
        """By item its row, which may be empty."""

    def vectors(self, connection: Connection, item_nos: Sequence[ItemNo]) -> ItemVectors:
        """The vectors of those of the items, in rising order, that the run has."""
        known = [no for no in item_nos if no in self._vectors]
        if len(known) == len(item_nos) > 0:
            return self._of(known)
        missing = [no for no in item_nos if no not in self._vectors]
        read, by_night = load_item_vectors_and_makers(connection, self.run.run_id, missing)
        found = self._of(known).merged(read) if known else read
        self._keep(read, by_night)
        return found

    def transitions(
        self, connection: Connection, items: ItemVectors, histories: Iterable[History]
    ) -> Transitions:
        """The rows that say what comes next after these histories.

        `items` must hold every item of the histories that the run has a vector for.
        """
        item_nos = find_items_followed(self.run, items, histories)
        missing = [no for no in item_nos if no not in self._transitions]
        read = load_transitions_of_items(connection, self.run.run_id, missing)
        rows = {no: self._transitions[no] for no in item_nos if no in self._transitions}
        rows |= {no: read.row(no) for no in missing}
        if len(self._transitions) + len(missing) > self._most:
            self._transitions.clear()
        if len(missing) <= self._most:
            self._transitions.update((no, rows[no]) for no in missing)
        of_run = _joined({no: rows[no] for no in item_nos if len(rows[no][0])})
        return added(of_run, load_recent_transitions(connection, self.run, item_nos))

    def _of(self, item_nos: Sequence[ItemNo]) -> ItemVectors:
        rows = np.concatenate([self._vectors[no] for no in item_nos]).reshape(len(item_nos), -1)
        dimensions = self.run.space.parameters.dimensions
        scales = rows[:, -2:].astype(np.float64)
        return ItemVectors(
            np.array(item_nos, dtype=np.int32),
            rows[:, :dimensions],
            rows[:, dimensions:-2],
            scales[:, 0],
            scales[:, 1],
        )

    def _keep(self, items: ItemVectors, by_night: NDArray[np.bool_]) -> None:
        final = np.flatnonzero(by_night)
        if len(self._vectors) + len(final) > self._most:
            self._vectors.clear()
        if len(final) > self._most:
            return
        scales = np.column_stack([items.taste_scales, items.confidence_scales])
        parts = (items.vectors, items.context_embeddings, scales.astype(np.float32))
        rows = np.hstack([part[final] for part in parts])
        self._vectors.update(zip(items.item_nos[final].tolist(), rows, strict=True))


def _joined(rows: dict[int, tuple[NDArray[np.int32], NDArray[np.float32]]]) -> Transitions:
    """Rows in rising order of item number, one after the other."""
    if not rows:
        return Transitions()
    lengths = [len(next_item_nos) for next_item_nos, _ in rows.values()]
    return Transitions(
        item_nos=np.array(list(rows), dtype=np.int32),
        starts=np.cumsum([0, *lengths], dtype=np.int64),
        next_item_nos=np.concatenate([next_item_nos for next_item_nos, _ in rows.values()]),
        scores=np.concatenate([scores for _, scores in rows.values()]),
    )
