"""What one event weighs: bounded, whatever value is stored."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import InvalidInputError
from domain.identifiers import KindNo
from domain.interactions import (
    DISLIKE_STRENGTH,
    MOST_REFERENCES,
    MOST_WEIGHT,
    EventKind,
    KindTable,
    Scale,
    bounded,
    parse_scale,
    rating_strengths,
)
from domain.live_vector import History, fold_in_equation
from tests.domain.test_live_vector import WHOLE, space_and_items

LISTEN, DISLIKE, RATE = KindNo(1), KindNo(2), KindNo(3)
KINDS = KindTable(
    (
        EventKind(LISTEN, "listen", 1.0, marks_seen=True, value_reference=3.0),
        EventKind(DISLIKE, "dislike", -2.0, marks_seen=True, value_reference=1.0),
        EventKind(RATE, "rate", 3.0, marks_seen=True, smallest_value=1.0, greatest_value=5.0),
    )
)

numbers = st.floats(-1e6, 1e6).map(lambda number: round(number, 2))
scales = (
    st.tuples(numbers, numbers)
    .filter(lambda ends: ends[0] < ends[1])
    .map(lambda ends: Scale(*ends))
)


def weight(kind_no: int, value: float, scale: Scale | None = None) -> float:
    (kind,) = (kind for kind in KINDS.kinds if kind.kind_no == kind_no)
    strengths = kind.strengths(np.array([value]), scale)
    (weighed,) = KINDS.weights(np.array([kind_no]), strengths)
    return float(weighed)


def strength(rating: float, scale: Scale) -> float:
    return float(rating_strengths(np.array([rating]), scale)[0])


def test_a_value_within_the_bound_counts_in_proportion() -> None:
    assert weight(LISTEN, 5.0) == pytest.approx(5.0 / 3.0)
    assert weight(LISTEN, -30.0) == pytest.approx(-10.0)


@pytest.mark.parametrize("value", [1e15, 3.4e38, np.inf])
def test_an_absurd_value_weighs_as_much_as_the_bound(value: float) -> None:
    assert weight(LISTEN, value) == MOST_REFERENCES
    assert weight(LISTEN, -value) == -MOST_REFERENCES
    assert weight(DISLIKE, value) == -2.0 * MOST_REFERENCES


@given(value=st.floats(allow_nan=False), kind=st.sampled_from([LISTEN, DISLIKE]))
def test_an_event_weighs_as_much_as_ten_of_its_kind_at_the_most(value: float, kind: int) -> None:
    (kinds,) = (event_kind for event_kind in KINDS.kinds if event_kind.kind_no == kind)
    assert abs(weight(kind, value)) <= abs(kinds.weight) * MOST_REFERENCES


def test_without_a_value_an_event_weighs_what_its_kind_does() -> None:
    assert weight(LISTEN, np.nan) == 1.0
    assert weight(RATE, np.nan) == 3.0


@pytest.mark.parametrize(
    ("scale", "weights"),
    [
        ("1:5", {1: -2, 1.5: -2, 2: 0, 3: 0, 3.5: 0.75, 4: 1.5, 5: 3}),
        ("0.5:5", {0.5: -2, 1: -2, 1.5: 0, 2.5: 0, 5: 3}),
        ("1:10", {1: -2, 2: -2, 3: 0, 5: 0, 6: 1 / 3, 10: 3}),
        ("0:100", {20: -2, 21: 0, 50: 0, 75: 1.5, 100: 3}),
        ("-1:1", {-1: -2, 0: 0, 1: 3}),
    ],
)
def test_a_rating_weighs_by_where_it_lies_on_its_scale(
    scale: str, weights: dict[float, float]
) -> None:
    for rating, expected in weights.items():
        assert weight(RATE, rating, parse_scale(scale)) == pytest.approx(expected, abs=1e-5)


def test_a_rating_without_a_scale_lies_on_that_of_its_kind() -> None:
    assert weight(RATE, 4.0) == weight(RATE, 4.0, Scale(1.0, 5.0))


@given(scale=scales, share=st.floats(0.0, 1.0), other=st.floats(0.0, 1.0))
def test_a_higher_rating_never_says_less_for_an_item(
    scale: Scale, share: float, other: float
) -> None:
    length = scale.greatest - scale.least
    lower, higher = (scale.least + length * at for at in sorted((share, other)))
    assert strength(lower, scale) <= strength(higher, scale)


@given(scale=scales)
def test_the_ends_of_every_scale_are_a_dislike_and_a_like(scale: Scale) -> None:
    assert strength(scale.least, scale) == DISLIKE_STRENGTH
    assert strength(scale.greatest, scale) == 1.0
    assert strength((scale.least + scale.greatest) / 2, scale) == pytest.approx(0.0, abs=1e-5)


@given(scale=scales, rating=st.floats(allow_nan=False))
def test_a_strength_is_that_of_a_dislike_or_a_share_of_a_like(scale: Scale, rating: float) -> None:
    found = strength(rating, scale)
    assert found == DISLIKE_STRENGTH or 0.0 <= found <= 1.0


@given(tenths=st.integers(0, 10), length=st.integers(10, 1000), least=st.integers(-100, 100))
def test_a_rating_says_the_same_in_the_32_bits_of_the_log(
    tenths: int, length: int, least: int
) -> None:
    scale = Scale(float(least), float(least + length))
    rating = least + length * tenths / 10
    stored = float(np.float32(rating))
    assert strength(stored, scale) == pytest.approx(strength(rating, scale), abs=1e-5)


@given(scale=scales)
def test_a_scale_is_read_as_it_is_written(scale: Scale) -> None:
    assert parse_scale(str(scale)) == scale


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no scale: write the least and the greatest"),
        ("10", "no scale"),
        ("1-10", "no scale"),
        ("1:5:10", "no scale"),
        ("a:b", "no scale"),
        ("nan:5", "no scale"),
        ("1:inf", "no scale"),
        ("1e3:1e4", "no scale"),
        ("\u0661:5", "no scale"),
        ("5:1", "The least rating of a scale, 5, must be below the greatest, 1"),
        ("5:5", "must be below"),
        ("0:-0", "must be below"),
        (f"0:1{'0' * 31}", "numbers from -1e+30 to 1e+30"),
    ],
)
def test_what_is_no_scale_is_refused(text: str, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message.replace("+", "[+]")):
        parse_scale(text)


def test_a_sum_is_bounded_on_both_sides() -> None:
    sums = bounded(np.array([1.5, 1e15, -1e15]))
    assert sums.tolist() == [1.5, MOST_WEIGHT, -MOST_WEIGHT]


def test_events_repeated_without_end_move_a_live_vector_no_further_than_the_bound() -> None:
    space, items, _ = space_and_items(WHOLE)
    item_nos = np.array([10, 20, 30], dtype=np.int32)
    most = fold_in_equation(
        space, items, History(item_nos, np.array([3.0, MOST_WEIGHT, 1.0]))
    ).solved()
    absurd = fold_in_equation(space, items, History(item_nos, np.array([3.0, 1e15, 1.0]))).solved()
    assert np.array_equal(absurd, most)
