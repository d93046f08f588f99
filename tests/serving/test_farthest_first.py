"""Starters lie as far from each other as can be, and are the same for a session."""

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from serving.non_personalized.non_personalized_list_maker import farthest_first, start_of

Vectors = NDArray[np.float32]

VECTORS = arrays(
    np.float32,
    st.tuples(st.integers(1, 12), st.integers(1, 4)),
    elements=st.integers(-3, 3).map(float),
)


def distances(vectors: Vectors) -> NDArray[np.float64]:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    directions = np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)
    return np.asarray(1.0 - directions.astype(np.float64) @ directions.T.astype(np.float64))


@given(vectors=VECTORS, first=st.integers(0, 11), count=st.integers(0, 15))
def test_as_many_as_asked_for_are_chosen_each_once(
    vectors: Vectors, first: int, count: int
) -> None:
    chosen = farthest_first(vectors, first % len(vectors), count)
    assert len(chosen) == len(set(chosen.tolist())) == min(count, len(vectors))
    assert set(chosen.tolist()) <= set(range(len(vectors)))
    assert chosen[:1].tolist() in ([], [first % len(vectors)])


@given(vectors=VECTORS, count=st.integers(1, 12))
def test_who_asks_for_more_gets_the_same_first(vectors: Vectors, count: int) -> None:
    longest = farthest_first(vectors, 0, len(vectors))
    assert farthest_first(vectors, 0, count).tolist() == longest[:count].tolist()


@given(vectors=VECTORS)
def test_each_is_the_farthest_there_is_and_none_later_is_farther(vectors: Vectors) -> None:
    chosen = farthest_first(vectors, 0, len(vectors)).tolist()
    between = distances(vectors)
    taken_at = []
    for index in range(1, len(chosen)):
        nearest = between[:, chosen[:index]].min(axis=1)
        taken_at.append(nearest[chosen[index]])
        assert taken_at[-1] >= nearest[chosen[index:]].max() - 1e-6
    assert all(later <= earlier + 1e-6 for earlier, later in pairwise(taken_at))


@given(session=st.text(min_size=1, max_size=20), items=st.integers(1, 50))
def test_a_session_begins_with_one_of_the_ten_best_known(session: str, items: int) -> None:
    start = start_of(session, items)
    assert 0 <= start < min(items, 10)
    assert start == start_of(session, items)
    assert start_of(None, items) == 0
