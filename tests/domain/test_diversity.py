"""A diverse order of a list's best items."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from domain.diversity import diverse_order

Listed = tuple[NDArray[np.int32], NDArray[np.float64], NDArray[np.float64]]


@st.composite
def lists(draw: st.DrawFn) -> Listed:
    """Items as a blend gives them: falling scores, ties by item number."""
    count = draw(st.integers(1, 12))
    item_nos = np.array(
        draw(st.lists(st.integers(1, 99), min_size=count, max_size=count, unique=True)),
        dtype=np.int32,
    )
    scores = np.array(
        draw(st.lists(st.sampled_from([0, 0.1, 0.5, 1]), min_size=count, max_size=count))
    )
    vectors = draw(hnp.arrays(np.float64, (count, 3), elements=st.integers(-3, 3).map(float)))
    order = np.lexsort((item_nos, -scores))
    return item_nos[order], scores[order], vectors


shares = st.floats(0, 1)
positions = st.integers(1, 15)


@given(lists(), shares, positions)
def test_the_order_holds_every_item_once_and_begins_with_the_best(
    listed: Listed, diversity: float, wanted: int
) -> None:
    order = diverse_order(*listed, diversity, wanted)
    assert sorted(order.tolist()) == list(range(len(listed[0])))
    assert order[0] == 0


@given(lists(), positions)
def test_without_diversity_the_order_stays_as_it_is(listed: Listed, wanted: int) -> None:
    count = len(listed[0])
    assert diverse_order(*listed, 0.0, wanted).tolist() == list(range(count))
    unlike = np.eye(count)
    assert diverse_order(*listed[:2], unlike, 0.3, wanted).tolist() == list(range(count))


@given(lists(), positions)
def test_full_diversity_takes_the_item_farthest_from_all_before(
    listed: Listed, wanted: int
) -> None:
    item_nos, _, vectors = listed
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    units = vectors / np.where(lengths > 0, lengths, 1)
    order = diverse_order(*listed, 1.0, wanted)[:wanted].tolist()
    for step in range(1, len(order)):
        left = [row for row in range(len(item_nos)) if row not in order[:step]]
        similar = {row: float((units[row] @ units[order[:step]].T).max()) for row in left}
        assert similar[order[step]] <= min(similar.values()) + 1e-9


@given(lists(), shares, positions)
def test_those_not_taken_follow_as_they_stood(
    listed: Listed, diversity: float, wanted: int
) -> None:
    rest = diverse_order(*listed, diversity, wanted)[wanted:].tolist()
    assert rest == sorted(rest)


@given(lists(), shares, positions)
def test_ties_go_to_the_lowest_number_and_length_says_nothing(
    listed: Listed, diversity: float, wanted: int
) -> None:
    item_nos, scores, vectors = listed
    same = np.ones_like(vectors)
    equal = np.ones_like(scores)
    by_number = np.argsort(item_nos)
    order = diverse_order(item_nos[by_number], equal, same, diversity, wanted)
    assert order.tolist() == list(range(len(item_nos)))
    longer = diverse_order(item_nos, scores, 4 * vectors, diversity, wanted)
    assert longer.tolist() == diverse_order(item_nos, scores, vectors, diversity, wanted).tolist()


def test_what_is_like_the_first_gives_way_to_what_is_not() -> None:
    item_nos, scores = np.array([1, 2, 3]), np.array([1.0, 0.9, 0.8])
    vectors = np.array([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0]])
    assert diverse_order(item_nos, scores, vectors, 0.5, 3).tolist() == [0, 2, 1]
