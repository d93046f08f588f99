"""Transitions of a few items, for tests."""

from collections.abc import Mapping, Sequence

import numpy as np
from sqlalchemy import Connection, insert

from domain.identifiers import RunId
from domain.transitions import Transitions
from tests import tables


def transitions_of(rows: Mapping[int, Sequence[tuple[int, float]]]) -> Transitions:
    """Rows of pairs: what comes next, and what it gains."""
    item_nos = sorted(rows)
    pairs = [pair for item_no in item_nos for pair in rows[item_no]]
    return Transitions(
        item_nos=np.array(item_nos, dtype=np.int32),
        starts=np.cumsum([0, *(len(rows[item_no]) for item_no in item_nos)], dtype=np.int64),
        next_item_nos=np.array([no for no, _ in pairs], dtype=np.int32),
        scores=np.array([score for _, score in pairs], dtype=np.float32),
    )


def random_transitions(
    item_nos: Sequence[int], next_item_nos: Sequence[int], seed: int, *, longest: int
) -> Transitions:
    """Rows of all of `item_nos`, up to `longest` long; another seed, other transitions."""
    chance = np.random.default_rng([seed, 2])
    longest = min(longest, len(next_item_nos))
    rows = {}
    for item_no in item_nos:
        chosen = chance.permutation(next_item_nos)[: int(chance.integers(1, longest + 1))]
        scores = chance.uniform(0.1, 1.0, size=len(chosen)).astype(np.float32)
        rows[item_no] = list(zip(chosen.tolist(), scores.tolist(), strict=True))
    return transitions_of(rows)


def store_rows(connection: Connection, run_id: RunId, transitions: Transitions) -> None:
    """Write the rows of a run, as a night writes them in bulk."""
    for item_no in transitions.item_nos.tolist():
        next_item_nos, scores = transitions.row(item_no)
        row = {"next_item_nos": next_item_nos.tolist(), "scores": scores.tolist()}
        statement = insert(tables.item_transitions)
        connection.execute(statement.values(run_id=run_id, item_no=item_no, **row))
