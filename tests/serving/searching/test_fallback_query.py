"""Without the store a query is matched against the titles of the fallback."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.search.query import (
    FallbackQuery,
    Typed,
    TypedQuery,
    folded,
    title_matches,
    typed_query,
)


@given(st.text(alphabet=string.printable + "éÉöø漢"))
def test_folded_text_has_lower_case_letters_digits_and_spaces(text: str) -> None:
    assert all(character.isalnum() or character == " " for character in folded(text))
    assert folded(folded(text)) == folded(text)


def test_titles_are_matched_by_the_beginnings_of_their_words() -> None:
    assert title_matches("Amélie (2001)", ["ame", "2001", "lie"]) == 2


def test_a_fallback_query_has_ten_distinct_words_at_most() -> None:
    assert FallbackQuery.of(typed_query("Toy toy, tóy story")).words == ("toy", "story")
    assert len(FallbackQuery.of(typed_query(" ".join(map(str, range(90))))).words) == 10
    assert len(FallbackQuery.of(typed_query("\ufdfa" * 199)).words) <= 10


def test_a_fallback_query_without_a_word_scores_nothing() -> None:
    assert FallbackQuery.of(TypedQuery(((Typed("\uff9e"),),), ())).score("Toy Story") == 0.0


@pytest.mark.parametrize(
    ("text", "allowed"),
    [
        ("x -war", False), ("x -wa", True), ("x -star", False), ('x -"star wars"', False),
        ('x -"wars star"', True), ("x -ewok", True), ("x -scifi", False), ("x", True),
    ],
)  # fmt: skip
def test_a_fallback_item_with_an_unwanted_word_is_left_out(text: str, allowed: bool) -> None:  # noqa: FBT001
    assert FallbackQuery.of(typed_query(text)).allows(("Star Wars", "SciFi")) is allowed
