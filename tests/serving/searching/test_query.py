"""A query is taken apart as web search engines do, whatever it is made of."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.search.query import Typed, TypedQuery, typed_query

TEXTS = st.text(max_size=40)


def taken_apart(text: str) -> tuple[list[list[str]], list[str]]:
    query = typed_query(text)
    wanted = [[word.text for word in alternative] for alternative in query.alternatives]
    return wanted, [word.text for word in query.unwanted]


@pytest.mark.parametrize(
    ("text", "wanted", "unwanted"),
    [
        ("toy story", [["toy", "story"]], []),
        ('"toy story" 2', [["toy story", "2"]], []),
        ("space -war", [["space"]], ["war"]),
        ('space -"star wars"', [["space"]], ["star wars"]),
        ("tom hanks or tarantino", [["tom", "hanks"], ["tarantino"]], []),
        ("or toy or  or story or ", [["toy"], ["story"]], []),
        ("toy or", [["toy", "or"]], []),
        ('toy "or" story', [["toy", "or", "story"]], []),
        ("spider-man", [["spider-man"]], []),
        ('"never closed', [["never closed"]], []),
        ('a"b"c', [["a", "b", "c"]], []),
        ("- -- ... !!", [], []),
    ],
)
def test_a_query_is_taken_apart_as_web_search_engines_do(
    text: str, wanted: list[list[str]], unwanted: list[str]
) -> None:
    assert taken_apart(text) == (wanted, unwanted)


def test_only_a_last_word_with_nothing_behind_it_is_unfinished() -> None:
    def unfinished(text: str) -> list[str]:
        return [word.text for word in typed_query(text).wanted if word.unfinished]

    assert unfinished("toy sto") == ["sto"]
    for text in ("toy sto ", '"toy sto"', '"toy sto', "toy -sto"):
        assert unfinished(text) == []


@given(TEXTS)
def test_anything_can_be_taken_apart(text: str) -> None:
    query = typed_query(text)
    assert all(query.alternatives)
    assert sum(word.unfinished for word in query.wanted) <= 1
    assert query.replaced([word.text for word in query.wanted]) == query


def test_a_corrected_word_is_finished() -> None:
    query = typed_query("space oddyssey").replaced(["space", "odyssey"])
    assert query == TypedQuery(((Typed("space"), Typed("odyssey")),), ())


def test_words_are_looked_for_once_however_often_they_are_typed() -> None:
    assert taken_apart("the The the thes the")[0] == [["the", "thes"]]
    assert taken_apart("toy or toy or story -war -War") == ([["toy"], ["story"]], ["war"])
    corrected = typed_query("stroy story").replaced(["story", "story"])
    assert [word.text for word in corrected.wanted] == ["story"]


@pytest.mark.parametrize("text", ["\ufc5e", "\uff9e", "\u200b", "toy"])
def test_what_folds_to_nothing_is_no_word(text: str) -> None:
    assert bool(typed_query(text).wanted) == (text == "toy")


def test_invisible_format_characters_are_left_out_but_joiners_that_belong_to_a_word() -> None:
    assert taken_apart("\ufeffto\u200by\u00ad st\u200dory\u200e")[0] == [["toy", "story"]]
    persian = "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"
    assert taken_apart(persian)[0] == [[persian]]
