"""Edits are counted as people make them, and none is tolerated in short words."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.search.query_analysis import edit_distance, max_edits

LETTERS = st.text(alphabet="abc", max_size=8)
WORDS = st.text(max_size=20)
LONG = st.text(alphabet="ab", min_size=60, max_size=140)
"""Longer than the 64 letters that fit a machine word."""


@pytest.mark.parametrize(
    ("typed", "meant", "count"),
    [
        ("odyssey", "odyssey", 0), ("oddyssey", "odyssey", 1), ("odysey", "odyssey", 1),
        ("odissey", "odyssey", 1), ("odyssye", "odyssey", 1), ("toy", "", 3), ("ca", "abc", 3),
    ],
)  # fmt: skip
def test_edits_are_letters_too_many_missing_wrong_or_exchanged(
    typed: str, meant: str, count: int
) -> None:
    assert edit_distance(typed, meant) == count


@given(LETTERS, LETTERS)
def test_the_distance_is_the_same_in_both_directions_and_zero_only_between_equals(
    first: str, other: str
) -> None:
    count = edit_distance(first, other)
    assert count == edit_distance(other, first)
    assert (count == 0) == (first == other)
    assert abs(len(first) - len(other)) <= count <= max(len(first), len(other))


@given(st.tuples(LETTERS, LETTERS) | st.tuples(WORDS, WORDS) | st.tuples(LONG, LONG))
def test_the_distance_is_that_of_optimal_string_alignment(pair: tuple[str, str]) -> None:
    assert edit_distance(*pair) == optimal_string_alignment(*pair)


@given(LETTERS, st.integers(0, 8), st.sampled_from("abc"))
def test_one_edit_is_counted_once(word: str, index: int, letter: str) -> None:
    index = min(index, len(word))
    assert edit_distance(word[:index] + letter + word[index:], word) == 1
    if index < len(word):
        assert edit_distance(word[:index] + word[index + 1 :], word) == 1
        assert edit_distance(word[:index] + letter + word[index + 1 :], word) <= 1


@given(LETTERS, LETTERS)
def test_no_edit_is_tolerated_in_short_words(first: str, other: str) -> None:
    count = max_edits(first, other)
    assert count == max_edits(other, first) <= 2
    assert count == 0 or min(len(first), len(other)) >= 4 * count


def optimal_string_alignment(first: str, other: str) -> int:
    """The distance by its definition, over the beginnings of both."""
    d = [[max(i, j) if i == 0 or j == 0 else 0 for j in range(len(other) + 1)]
         for i in range(len(first) + 1)]  # fmt: skip
    for i, j in itertools.product(range(1, len(first) + 1), range(1, len(other) + 1)):
        changed = first[i - 1] != other[j - 1]
        d[i][j] = min(d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + changed)
        if i > 1 and j > 1 and first[i - 1] == other[j - 2] and first[i - 2] == other[j - 1]:
            d[i][j] = min(d[i][j], d[i - 2][j - 2] + 1)
    return d[-1][-1]
