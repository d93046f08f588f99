"""What one event weighs: bounded, whatever value is stored."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.identifiers import KindNo
from domain.interactions import MOST_REFERENCES, MOST_WEIGHT, EventKind, KindTable, bounded
from domain.live_vector import History, fold_in
from tests.domain.test_live_vector import WHOLE, space_and_items

RATE, DISLIKE = KindNo(1), KindNo(2)
KINDS = KindTable(
    (
        EventKind(RATE, "rate", 1.0, marks_seen=True, value_reference=3.0),
        EventKind(DISLIKE, "dislike", -2.0, marks_seen=True, value_reference=1.0),
    )
)


def weight(kind: int, value: float) -> float:
    (weighed,) = KINDS.weights(np.array([kind]), np.array([value]))
    return float(weighed)


def test_a_value_within_the_bound_counts_in_proportion() -> None:
    assert weight(RATE, 5.0) == pytest.approx(5.0 / 3.0)
    assert weight(RATE, -30.0) == pytest.approx(-10.0)


@pytest.mark.parametrize("value", [1e15, 3.4e38, np.inf])
def test_an_absurd_value_weighs_as_much_as_the_bound(value: float) -> None:
    assert weight(RATE, value) == MOST_REFERENCES
    assert weight(RATE, -value) == -MOST_REFERENCES
    assert weight(DISLIKE, value) == -2.0 * MOST_REFERENCES


@given(value=st.floats(allow_nan=False), kind=st.sampled_from([RATE, DISLIKE]))
def test_an_event_weighs_as_much_as_ten_of_its_kind_at_the_most(value: float, kind: int) -> None:
    (kinds,) = (event_kind for event_kind in KINDS.kinds if event_kind.kind_no == kind)
    assert abs(weight(kind, value)) <= abs(kinds.weight) * MOST_REFERENCES


def test_a_sum_is_bounded_on_both_sides() -> None:
    sums = bounded(np.array([1.5, 1e15, -1e15]))
    assert sums.tolist() == [1.5, MOST_WEIGHT, -MOST_WEIGHT]


def test_events_repeated_without_end_move_a_live_vector_no_further_than_the_bound() -> None:
    space, items, _ = space_and_items(WHOLE)
    item_nos = np.array([10, 20, 30], dtype=np.int32)
    most = fold_in(space, items, History(item_nos, np.array([3.0, MOST_WEIGHT, 1.0])))
    absurd = fold_in(space, items, History(item_nos, np.array([3.0, 1e15, 1.0])))
    assert np.array_equal(absurd, most)
