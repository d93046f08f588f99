"""The matrix holds sums of decayed weights, and what has been seen."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from batch.history.interactions import Interactions
from batch.history.matrix import confidences, interaction_matrix, like_counts
from batch.history.trend import trend
from batch.lists.listing import decayed
from batch.lists.popularity import all_time
from batch.parameters import AlsParameters, ListHyperparameters
from domain.interactions import MOST_WEIGHT

AS_OF = np.datetime64("2026-02-01", "us")

Event = tuple[int, int, int, int]
"""User, item, kind, day."""

EVENTS = st.lists(
    st.tuples(st.integers(1, 6), st.integers(1, 6), st.integers(1, 4), st.integers(0, 30)),
    max_size=40,
)


def decayed_weight(item: int, kind: int, day: float) -> float:
    return {1: 1.0, 2: 0.5 * 0.5 ** ((31 - day) / 10), 3: item / 3, 4: -2.0}[kind]


@settings(deadline=None)
@given(events=EVENTS)
def test_an_entry_is_the_sum_of_its_decayed_weights(
    make_interactions: Callable[..., Interactions], events: list[Event]
) -> None:
    matrix = interaction_matrix(make_interactions(events), AS_OF)
    expected = defaultdict(float)
    for user, item, kind, day in events:
        expected[user, item] += decayed_weight(item, kind, day)
    dense = matrix.weights.toarray()
    for row, user in enumerate(matrix.user_nos):
        for column, item in enumerate(matrix.item_nos):
            assert np.isclose(dense[row, column], expected[user, item], atol=1e-5)


def test_an_item_used_without_end_counts_as_much_as_the_bound(
    make_interactions: Callable[..., Interactions],
) -> None:
    events: list[Event] = [(1, 1, 1, 0)] * 5_000 + [(1, 2, 4, 0)] * 5_000 + [(2, 1, 1, 0)]
    matrix = interaction_matrix(make_interactions(events), AS_OF)
    assert matrix.weights.toarray().tolist() == [[MOST_WEIGHT, -MOST_WEIGHT], [1.0, 0.0]]


@settings(deadline=None)
@given(events=EVENTS, decay_per_year=st.floats(0.1, 50.0))
def test_the_decay_of_hyperparameters_comes_on_top_and_leaves_what_is_seen(
    make_interactions: Callable[..., Interactions], events: list[Event], decay_per_year: float
) -> None:
    interactions = make_interactions(events)
    matrix = interaction_matrix(interactions, AS_OF)
    faded = decayed(
        matrix, interactions, AS_OF, ListHyperparameters(decay_per_year=decay_per_year)
    ).weights.toarray()
    expected = defaultdict(float)
    for user, item, kind, day in events:
        share = 0.5 ** (decay_per_year * (31 - day) / 365.25)
        expected[user, item] += share * decayed_weight(item, kind, day)
    for row, user in enumerate(matrix.user_nos):
        for column, item in enumerate(matrix.item_nos):
            assert np.isclose(faded[row, column], expected[user, item], atol=1e-5)
    again = decayed(matrix, interactions, AS_OF, ListHyperparameters(decay_per_year=decay_per_year))
    assert again.seen is matrix.seen


@settings(deadline=None)
@given(events=EVENTS)
def test_what_was_marked_as_seen_or_is_disliked_on_the_whole_is_seen(
    make_interactions: Callable[..., Interactions], events: list[Event]
) -> None:
    matrix = interaction_matrix(make_interactions(events), AS_OF)
    sums = defaultdict(float)
    for user, item, kind, day in events:
        sums[user, item] += decayed_weight(item, kind, day)
    marked = {(user, item) for user, item, kind, _ in events if kind in (1, 3)}
    expected = marked | {pair for pair, total in sums.items() if total < -1e-6}
    indexes = matrix.seen.tocoo()
    found = zip(matrix.user_nos[indexes.row], matrix.item_nos[indexes.col], strict=True)
    assert set(found) == expected
    assert set(indexes.data) <= {1.0}


@settings(deadline=None)
@given(events=EVENTS.filter(bool), b=st.floats(0, 1), c=st.floats(0, 1))
def test_confidence_is_damped_by_the_degrees_of_user_and_item(
    make_interactions: Callable[..., Interactions], events: list[Event], b: float, c: float
) -> None:
    matrix = interaction_matrix(make_interactions(events), AS_OF)
    parameters = AlsParameters(
        factors=4,
        iterations=1,
        regularization=1.0,
        confidence=3.0,
        user_exponent=b,
        item_exponent=c,
    )
    weights, weighed = matrix.weights.toarray(), confidences(matrix, parameters).toarray()
    user_degrees, item_degrees = (weights != 0).sum(axis=1), (weights != 0).sum(axis=0)
    for row, column in zip(*weights.nonzero(), strict=True):
        damping = user_degrees[row] ** b * item_degrees[column] ** c
        assert np.isclose(weighed[row, column], 3.0 * weights[row, column] / damping, rtol=1e-4)


def test_what_is_only_known_is_seen_and_nothing_else(
    make_interactions: Callable[..., Interactions],
) -> None:
    rated = replace(
        make_interactions([(1, 1, 3, 0), (1, 2, 1, 0)]), strengths=np.array([0, np.nan])
    )
    matrix = interaction_matrix(rated, AS_OF)
    assert matrix.weights.toarray().tolist() == [[0, 1]]
    assert matrix.seen.toarray().tolist() == [[1, 1]]
    assert like_counts(matrix).tolist() == [0, 1]
    assert all_time(rated).item_nos.tolist() == [2]
    assert trend(rated, matrix.item_nos, AS_OF, 30.0)[0] == 0.0


def test_only_who_likes_something_is_counted(
    make_interactions: Callable[..., Interactions],
) -> None:
    matrix = interaction_matrix(make_interactions([(1, 1, 4, 0), (2, 1, 1, 0)]), AS_OF)
    assert matrix.user_nos[matrix.rows_who_like()].tolist() == [2]


def test_an_empty_history_makes_an_empty_matrix(
    make_interactions: Callable[..., Interactions],
) -> None:
    matrix = interaction_matrix(make_interactions([]), AS_OF)
    assert matrix.weights.shape == (0, 0)
    assert not len(matrix.rows_who_like())
