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
from batch.space.transitions import fit_transitions, weighed
from tests.used_items import used_items

ALL = TransitionParameters(neighbours=1_000)


def made_log(seed: int, users: int = 12, items: int = 8, events: int = 120) -> Interactions:
    random = np.random.default_rng(seed)
    seconds = np.sort(random.integers(0, 10_000, events))
    user_nos, item_nos = random.integers(0, users, events), random.integers(0, items, events)
    return used_items(user_nos, item_nos, seconds / 86_400)


def fitted(log: Interactions, parameters: TransitionParameters, ridge: float) -> csr_matrix:
    """What is learned of all items of a log as of its end."""
    item_nos = np.unique(log.item_nos)
    return fit_transitions(log, item_nos, log.newest(), parameters, [ridge])[ridge]


def by_hand(
    log: Interactions, item_nos: NDArray[np.int32], parameters: TransitionParameters, ridge: float
) -> NDArray[np.float64]:
    """(S'WS + ridge I)^-1 S'WT, moment by moment."""
    liked = steps(log)
    ages = liked.ages_days(log.newest())
    ages = np.maximum(ages - np.quantile(ages, 0.01), 0.0)
    counts = 0.5 ** (ages / parameters.half_life_days)
    histories, successors, weights = [], [], []
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
            weights.append(counts[row])
    s, t, w = np.array(histories), np.array(successors), np.diag(weights)
    return np.asarray(np.linalg.solve(s.T @ w @ s + ridge * np.eye(len(item_nos)), s.T @ w @ t))


@given(
    seed=st.integers(0, 10_000),
    ridge=st.sampled_from([1.0, 30.0]),
    half_life_days=st.sampled_from([0.02, 0.1, 730.0]),
)
@settings(max_examples=20)
def test_where_all_items_are_solved_for_it_is_the_weighted_ridge_regression(
    seed: int, ridge: float, half_life_days: float
) -> None:
    log = made_log(seed)
    item_nos = np.unique(log.item_nos)
    parameters = replace(ALL, half_life_days=half_life_days)
    expected = by_hand(log, item_nos, parameters, ridge)
    np.fill_diagonal(expected, 0.0)
    expected = np.maximum(expected, 0.0)
    found = fitted(log, parameters, ridge).toarray()
    best = expected.max(axis=1)
    assert found == pytest.approx(expected / best[best > 0].mean(), abs=1e-3)


@given(seed=st.integers(0, 10_000))
@settings(max_examples=20)
def test_rare_items_that_are_not_solved_for_come_near_under_a_great_ridge(seed: int) -> None:
    log = made_log(seed)
    exact = fitted(log, ALL, 300.0).toarray()
    near = fitted(log, replace(ALL, dense_items=3), 300.0).toarray()
    assert near == pytest.approx(exact, abs=0.2)


def test_a_row_has_its_best_neighbours_only() -> None:
    log = made_log(1)
    item_nos = np.unique(log.item_nos)
    all_of_them = fitted(log, ALL, 30.0).toarray()
    two = fitted(log, replace(ALL, neighbours=2), 30.0)
    assert (np.diff(two.indptr) <= 2).all()
    for row in range(len(item_nos)):
        best = np.argsort(-all_of_them[row], kind="stable")[:2]
        positive = best[all_of_them[row][best] > 0.0]
        assert set(two[row].indices.tolist()) == set(positive.tolist())


def test_only_the_newest_likings_are_learned_from() -> None:
    log = made_log(2)
    few = replace(ALL, most_moments=40)
    newest = steps(log)
    kept = np.sort(np.argsort(-newest.occurred_at.astype(np.int64), kind="stable")[:40])
    expected = fit_transitions(
        newest.where(kept), np.unique(log.item_nos), log.newest(), ALL, [30.0]
    )[30.0]
    assert fitted(log, few, 30.0).toarray() == pytest.approx(expected.toarray())


@given(years=st.integers(4, 10))
def test_what_came_next_years_ago_counts_less_than_what_does_now(years: int) -> None:
    users = np.repeat(np.arange(40), 2)
    # After item 0 came item 1, a good deal more often than item 2 does since.
    then = users < 24
    days = np.where(then, 0.0, 365.0 * years) + np.tile([0.0, 0.01], 40)
    item_nos = np.where(np.tile([True, False], 40), 0, np.where(then, 1, 2))
    log = used_items(users, item_nos, days)
    assert _next_of(log, ALL) == 2
    assert _next_of(log, replace(ALL, half_life_days=1e9)) == 1


def test_a_single_visit_years_later_leaves_what_was_learned_before() -> None:
    log = made_log(3, users=60, events=600)
    late = used_items([100, 100], [0, 1], [4_000.0, 4_000.01])
    found = fitted(log.followed_by(late), ALL, 30.0).toarray()
    # Of the items of that visit a little is learned anew, and all rows have one scale.
    assert found[2:] == pytest.approx(fitted(log, ALL, 30.0).toarray()[2:], abs=0.05)


def _next_of(log: Interactions, parameters: TransitionParameters) -> int:
    """What most often comes after item 0."""
    return int(fitted(log, parameters, 1.0)[[0]].toarray().argmax())


def test_a_log_in_which_nothing_follows_has_no_transitions() -> None:
    log = made_log(3).where(np.array([0]))
    matrix = fitted(log, ALL, 30.0)
    assert matrix.nnz == 0
    assert len(weighed(matrix, log.item_nos, 1.0)) == 0


def test_a_run_keeps_weighed_rows_by_item_number() -> None:
    log = made_log(4)
    item_nos = np.unique(log.item_nos) + 100
    matrix = fitted(log, ALL, 30.0)
    kept = weighed(matrix, item_nos, 2.0)
    next_item_nos, scores = kept.row(int(item_nos[3]))
    assert np.array_equal(next_item_nos, item_nos[matrix[3].indices])
    assert scores == pytest.approx(2.0 * matrix[3].data)
