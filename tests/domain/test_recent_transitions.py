"""Recent transitions count what came shortly after what since the cut-off, and add to a run's."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.recent_transitions import (
    MOST_NEXT,
    PSEUDO_COUNT,
    WINDOW,
    Pairs,
    added,
    pairs_of,
    recent_transitions,
)
from domain.transitions import NO_TRANSITIONS, Transitions
from tests.small_transitions import random_transitions

likings = st.lists(st.tuples(st.integers(1, 3), st.integers(1, 6), st.booleans()), max_size=20).map(
    lambda rows: sorted(rows, key=lambda row: row[0])
)
"""(user, item, whether it is new), one user's after another's."""


def cells_of(transitions: Transitions) -> dict[tuple[int, int], float]:
    return {
        (item_no, next_no): score
        for item_no in transitions.item_nos.tolist()
        for next_no, score in zip(
            *(column.tolist() for column in transitions.row(item_no)), strict=True
        )
    }


@given(rows=likings)
def test_pairs_are_of_one_user_within_the_window_and_their_later_item_is_new(
    rows: list[tuple[int, int, bool]],
) -> None:
    expected = sorted(
        (item, later_item, (later - earlier) ** -0.5, later)
        for earlier, (user, item, _) in enumerate(rows)
        for later, (later_user, later_item, new) in enumerate(rows)
        if 0 < later - earlier <= WINDOW and user == later_user and item != later_item and new
    )
    users = np.array([user for user, _, _ in rows], dtype=np.int32)
    items = np.array([item for _, item, _ in rows], dtype=np.int32)
    found, places = pairs_of(users, items, np.array([new for _, _, new in rows], dtype=np.bool_))
    columns = (found.item_nos, found.next_item_nos, found.counts, places)
    assert sorted(zip(*(each.tolist() for each in columns), strict=True)) == expected


def test_a_score_is_the_share_of_the_counts_with_a_pseudo_count() -> None:
    items, nexts = np.array([1, 1, 1, 2], np.int32), np.array([5, 4, 5, 1], np.int32)
    pairs = Pairs(items, nexts, np.array([1.0, 1.0, 0.5, 2.0]))
    total, other = PSEUDO_COUNT + 2.5, PSEUDO_COUNT + 2.0
    assert cells_of(recent_transitions(pairs, 10.0)) == pytest.approx(
        {(1, 4): 10.0 / total, (1, 5): 15.0 / total, (2, 1): 20.0 / other}
    )


def test_the_best_of_a_row_are_kept() -> None:
    nexts = np.arange(2, MOST_NEXT + 12, dtype=np.int32)
    pairs = Pairs(np.ones(len(nexts), np.int32), nexts, nexts.astype(float))
    row, _ = recent_transitions(pairs, 1.0).row(1)
    assert row.tolist() == nexts[-MOST_NEXT:].tolist()


def test_without_weight_or_pairs_there_is_nothing() -> None:
    pair = Pairs(np.array([1], np.int32), np.array([2], np.int32), np.ones(1))
    assert not len(recent_transitions(pair, 0.0))
    assert not len(recent_transitions(Pairs(), 1.0))
    assert not len(recent_transitions(Pairs.joined([]), 1.0))


@given(seed=st.integers(0, 50))
def test_rows_are_added_cell_by_cell(seed: int) -> None:
    first = random_transitions([1, 2, 5], range(1, 20), seed, longest=15)
    second = random_transitions([2, 3, 5], range(1, 20), seed + 1000, longest=15)
    ours, theirs = cells_of(first), cells_of(second)
    expected = {cell: ours.get(cell, 0.0) + theirs.get(cell, 0.0) for cell in ours | theirs}
    assert cells_of(added(first, second)) == pytest.approx(expected, rel=1e-6)
    assert added(first, NO_TRANSITIONS) is first
    assert added(NO_TRANSITIONS, second) is second


def test_rows_of_some_items_are_those_there_are() -> None:
    rows = random_transitions([1, 2, 5], range(1, 20), 3, longest=15)
    chosen = rows.of_items(np.array([5, 4, 1], dtype=np.int32))
    assert cells_of(chosen) == {cell: gain for cell, gain in cells_of(rows).items() if cell[0] != 2}
