"""Transitions: the regression, its approximation for rare items, and what a run keeps."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from batch.history.following import steps
from batch.history.interactions import Interactions
from batch.parameters import TransitionParameters
from batch.space.transitions import _best, fit_transitions, weighed
from tests.used_items import used_items

ALL = TransitionParameters(neighbours=1_000)


def made_log(seed: int, users: int = 12, items: int = 8, events: int = 120) -> Interactions:
    random = np.random.default_rng(seed)
    seconds = np.sort(random.integers(0, 10_000, events))
    user_nos, item_nos = random.integers(0, users, events), random.integers(0, items, events)
    return used_items(user_nos, item_nos, seconds / 86_400)


def by_hand(log: Interactions, item_nos: NDArray[np.int32], ridge: float) -> NDArray[np.float64]:
    """(S'S + ridge I)^-1 S'T, moment by moment."""
    liked = steps(log)
    histories, successors = [], []
    for row in range(len(liked)):
        history, successor = np.zeros(len(item_nos)), np.zeros(len(item_nos))
        for age in range(ALL.history_items):
            if row - age >= 0 and liked.user_nos[row - age] == liked.user_nos[row]:
                column = np.searchsorted(item_nos, liked.item_nos[row - age])
                history[column] += ALL.history_decay**age
        for step, weight in enumerate(ALL.next_weights, start=1):
            if row + step < len(liked) and liked.user_nos[row + step] == liked.user_nos[row]:
                successor[np.searchsorted(item_nos, liked.item_nos[row + step])] += weight
        if successor.any():
            histories.append(history)
            successors.append(successor)
    s, t = np.array(histories), np.array(successors)
    return np.asarray(np.linalg.solve(s.T @ s + ridge * np.eye(len(item_nos)), s.T @ t))


@given(seed=st.integers(0, 10_000), ridge=st.sampled_from([1.0, 30.0]))
@settings(max_examples=20)
def test_where_all_items_are_solved_for_it_is_the_ridge_regression(seed: int, ridge: float) -> None:
    log = made_log(seed)
    item_nos = np.unique(log.item_nos)
    expected = by_hand(log, item_nos, ridge)
    np.fill_diagonal(expected, 0.0)
    expected = np.maximum(expected, 0.0)
    found = fit_transitions(log, item_nos, ALL, [ridge])[ridge].toarray()
    best = expected.max(axis=1)
    assert found == pytest.approx(expected / best[best > 0].mean(), abs=1e-3)


@given(seed=st.integers(0, 10_000))
@settings(max_examples=20)
def test_rare_items_that_are_not_solved_for_come_near_under_a_great_ridge(seed: int) -> None:
    log = made_log(seed)
    item_nos = np.unique(log.item_nos)
    exact = fit_transitions(log, item_nos, ALL, [300.0])[300.0].toarray()
    near = fit_transitions(log, item_nos, replace(ALL, dense_items=3), [300.0])[300.0].toarray()
    assert near == pytest.approx(exact, abs=0.2)


def test_a_row_has_its_best_neighbours_only() -> None:
    log = made_log(1)
    item_nos = np.unique(log.item_nos)
    all_of_them = fit_transitions(log, item_nos, ALL, [30.0])[30.0].toarray()
    two = fit_transitions(log, item_nos, replace(ALL, neighbours=2), [30.0])[30.0]
    assert (np.diff(two.indptr) <= 2).all()
    for row in range(len(item_nos)):
        best = np.argsort(-all_of_them[row], kind="stable")[:2]
        positive = best[all_of_them[row][best] > 0.0]
        assert set(two[row].indices.tolist()) == set(positive.tolist())


def test_only_the_newest_likings_are_learned_from() -> None:
    log = made_log(2)
    item_nos = np.unique(log.item_nos)
    few = replace(ALL, most_moments=40)
    newest = steps(log)
    kept = np.sort(np.argsort(-newest.occurred_at.astype(np.int64), kind="stable")[:40])
    expected = fit_transitions(newest.where(kept), item_nos, ALL, [30.0])[30.0].toarray()
    assert fit_transitions(log, item_nos, few, [30.0])[30.0].toarray() == pytest.approx(expected)


def test_a_log_in_which_nothing_follows_has_no_transitions() -> None:
    log = made_log(3).where(np.array([0]))
    matrix = fit_transitions(log, log.item_nos, ALL, [30.0])[30.0]
    assert matrix.nnz == 0
    assert len(weighed(matrix, log.item_nos, 1.0)) == 0


def test_a_run_keeps_weighed_rows_by_item_number() -> None:
    log = made_log(4)
    item_nos = np.unique(log.item_nos) + 100
    matrix = fit_transitions(log, np.unique(log.item_nos), ALL, [30.0])[30.0]
    kept = weighed(matrix, item_nos, 2.0)
    next_item_nos, scores = kept.row(int(item_nos[3]))
    assert np.array_equal(next_item_nos, item_nos[matrix[3].indices])
    assert scores == pytest.approx(2.0 * matrix[3].data)


@given(
    numbers=st.lists(st.lists(st.integers(-3, 3), min_size=7, max_size=7), min_size=1, max_size=6),
    neighbours=st.integers(1, 8),
)
def test_the_best_of_a_row_are_the_greatest_and_of_equal_ones_the_first(
    numbers: list[list[int]], neighbours: int
) -> None:
    own = np.arange(len(numbers))
    found = _best(csr_matrix(np.array(numbers, dtype=np.float64)), own, neighbours)
    for row, values in enumerate(numbers):
        positive = [col for col, value in enumerate(values) if value > 0 and col != row]
        best = sorted(positive, key=lambda col: (-values[col], col))[:neighbours]
        part = slice(found.indptr[row], found.indptr[row + 1])
        assert found.indices[part].tolist() == sorted(best)
        assert found.data[part].tolist() == [values[col] for col in sorted(best)]
