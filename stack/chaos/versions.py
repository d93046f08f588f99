"""Whether every part of an answer comes from the run it names.

Of each published run the checker keeps what the store holds: lists, popular list, item vectors. An
answer's batch scores must be a straight line over the scores of that run's list for the user, and
its speed scores one over the inner products of that run's item vectors with the user's live vector,
recomputed from the log as of the events the answer says it knows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from domain.interactions import KindTable
from domain.live_vector import History, ItemVectors, LiveSpace, live_vector
from stack.chaos.answers import POPULAR_LEVELS, Answer

_BATCH_TOLERANCE = 1e-6
_SPEED_TOLERANCE = 2e-3
"""Vectors are stored and multiplied with 32 bits, and the scores of a list lie close together."""
_FEWEST_POINTS = 3
_BLENDED, _BATCH, _SPEED = 0, 1, 2

Scores = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class LogRow:
    """One interaction as it is stored."""

    event_id: UUID
    position: int
    user_no: int
    user_id: str | None
    item_no: int
    kind_no: int
    value: float | None
    occurred_at: datetime


@dataclass(frozen=True, slots=True)
class RunContents:
    """What one run is made of."""

    run_id: int
    cut_off_at: datetime
    cut_off_position: int
    lists: Mapping[str, Scores]
    """A user's items and scores."""
    popular: Scores
    items: ItemVectors
    space: LiveSpace
    item_nos: Mapping[str, int]
    kinds: KindTable


def fault_of(answer: Answer, run: RunContents, log: Sequence[LogRow] | None) -> str | None:
    """Why the answer cannot come from this run alone; None if it can.

    `log`: the user's rows in order of position; None: the log has lost rows since (a deletion), and
    the live vector of that time cannot be computed again.
    """
    if answer.cut_off_at != run.cut_off_at:
        return f"the run's cut-off is {run.cut_off_at}, not {answer.cut_off_at}"
    if answer.level in POPULAR_LEVELS:
        return _fault_of_scores(answer, _BLENDED, run.popular, "popular list", _BATCH_TOLERANCE)
    fault = _fault_of_scores(
        answer, _BATCH, run.lists.get(answer.user, {}), "batch list", _BATCH_TOLERANCE
    )
    if fault is not None or log is None:
        return fault
    vector = vector_as_of(run, log, answer.events_since_cut_off)
    near: Scores = {} if vector is None else _inner_products(answer, run, vector)
    return _fault_of_scores(answer, _SPEED, near, "vectors", _SPEED_TOLERANCE)


def vector_as_of(
    run: RunContents, log: Sequence[LogRow], events_since: int | None
) -> NDArray[np.float32] | None:
    """The live vector of a user who has so many events after the cut-off; None: with all."""
    before = [row for row in log if row.position <= run.cut_off_position]
    after = [row for row in log if row.position > run.cut_off_position]
    known = sorted([*before, *after[:events_since]], key=_in_time)
    newest = known[-(run.space.parameters.taste_events or len(known)) :]
    values = np.array([np.nan if row.value is None else row.value for row in newest])
    kind_nos = np.array([row.kind_no for row in newest], dtype=np.int64)
    if not newest:
        return None
    history = History(
        np.array([row.item_no for row in newest], dtype=np.int32),
        run.kinds.strengths(kind_nos, values),
    )
    return live_vector(run.space, run.items, history)


def _in_time(row: LogRow) -> tuple[Any, ...]:
    return (row.occurred_at, row.item_no, row.kind_no, row.event_id.bytes)


def _inner_products(answer: Answer, run: RunContents, vector: NDArray[np.float32]) -> Scores:
    item_nos = np.array([run.item_nos[item] for item in answer.items], dtype=np.int32)
    rows = run.items.rows_of(item_nos)
    return {
        item: float(run.items.vectors[row].astype(np.float64) @ vector.astype(np.float64))
        for item, row in zip(answer.items, rows.tolist(), strict=True)
        if row >= 0
    }


def _fault_of_scores(
    answer: Answer, column: int, stored: Scores, what: str, tolerance: float
) -> str | None:
    """Why the scores of one column are not a rising straight line over the stored ones."""
    told = [
        (item, score)
        for item, score in zip(answer.items, answer.scores[:, column].tolist(), strict=True)
        if score > 0.0
    ]
    strangers = [item for item, _ in told if item not in stored]
    if strangers:
        return f"{', '.join(strangers[:5])} not in the {what} of run {answer.run_id}"
    error = line_error([stored[item] for item, _ in told], [score for _, score in told])
    if error <= tolerance:
        return None
    return f"its scores are {error:.2g} off a line over the {what} of run {answer.run_id}"


def line_error(stored: Sequence[float], told: Sequence[float]) -> float:
    """How far points are off the best straight line; 0 for fewer points than can tell."""
    if len(told) < _FEWEST_POINTS:
        return 0.0
    x, y = np.array(stored), np.array(told)
    spread = float(x.max() - x.min())
    if spread == 0.0:
        return float(y.max() - y.min())
    scaled = (x - x.min()) / spread
    ground = np.column_stack([scaled, np.ones_like(scaled)])
    solution = np.linalg.lstsq(ground, y, rcond=None)[0]
    return float(np.abs(ground @ solution - y).max())
