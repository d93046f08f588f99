"""The language of `filter`: what it takes, what it means, and where it says it goes wrong."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from serving.filtering.expression import Document
from serving.filtering.language import LONGEST_FILTER, FilterError, parse_filter

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
FILM: dict[str, Any] = {
    "year": 1990,
    "price": 9.5,
    "genre": ["Comedy", "Drama"],
    "country": "FR",
    "new": True,
    "nothing": None,
    "maker": {"name": "Varda", "born": 1928},
    "cast": [{"name": "Ann"}, {"name": "Bob"}],
    "publish_at": "2026-03-01T11:00:00Z",
    "until": "2026-03-02",
    "odd name": "x",
    "title": "of the attribute",
    "tags": [],
}
FIELDS = {
    "item_id": "cleo",
    "title": "Cléo",
    "category": ["French"],
    "created_at": "2026-02-01T00:00:00+00:00",
}

PASSING = [
    "year = 1990", "year=1990.0", "year >= 1990 and year<=1990", "year != 1991", "year > -5",
    'genre = "Drama"', 'genre in ("Horror", "Comedy")', 'genre not in ("Horror")',
    "not year < 1990", "price > 9 and price < 10", 'country starts with "F"', "new = true",
    "new != false", "missing_one missing", "nothing missing", "year exists", "not nothing exists",
    'maker.name = "Varda" and maker.born < 1930', 'cast.name = "Bob"', '`odd name` = "x"',
    "publish_at <= now", "until > now", "until < now + 1 day", "publish_at > now - 2 hours",
    'publish_at < time "2026-03-01T12:00:00Z"', 'until = time "2026-03-02"',
    'title starts with "Cl"', 'attributes.title = "of the attribute"', 'category = "French"',
    'item_id in ("cleo","x")', "created_at < now - 27 days", "tags missing",
    'year = 1 or year = 2 or (country = "FR" and not (new = false))', 'genre > "Dog"',
    'year = 1990 or nonsense = "x" and nonsense = "y"', "not not year exists",
]  # fmt: skip

FAILING = [
    "year = 1991", 'year = "1990"', 'year >= "1000"', 'genre = "drama"', 'genre != "Drama"',
    'genre not in ("Drama", "x")', "missing_one = 1", "missing_one < 1", "nothing = 0",
    "nothing exists", "tags exists", "new > false and new < true and false_one exists",
    'country starts with "f"', 'year starts with "1"', 'maker = "Varda"', 'maker.name.first = "x"',
    "country < now", "publish_at > now", "missing_one <= now", 'title = "of the attribute"',
    'category = "french"', "year = true", "new = 1", 'year = 1990 and country = "DE"',
    '(year = 1990 or year = 2) and country = "DE"',
]  # fmt: skip


def holds(text: str) -> bool:
    return parse_filter(text).holds(Document(FILM, FIELDS), NOW)


@pytest.mark.parametrize("text", PASSING)
def test_what_passes(text: str) -> None:
    assert holds(text)
    assert not holds(f"not ({text})")


@pytest.mark.parametrize("text", FAILING)
def test_what_does_not(text: str) -> None:
    assert not holds(text)
    assert holds(f"not ({text})")


WRONG = {
    "": "At its end: `(`, `not` or a name is missing.",
    "   ": "At its end: `(`, `not` or a name is missing.",
    "year >=": "At its end: `false`, `now`, `time`, `true`, `user`, a number or a text in",
    "year >> 3": "At character 6: '> 3' cannot stand here;",
    "year = 'x'": "At character 7: \"'x'\" cannot stand here;",
    "year = 1 price = 2": "At character 9: 'price = 2' cannot stand here; `and`, `or` or the end",
    'genre in ("a"': "At its end: `)` or `,` is missing.",
    "year = 1e5": "At character 7: '1e5' cannot stand here;",
    "year = 01": "At character 7: '01' cannot stand here;",
    'a = time "monday"': 'At character 9: "monday" is no time; write it as 2026-03-01, or',
    "a < now - 999999 days": "At character 8: - 999999 days is more than a hundred years.",
    "a < now + 36501 days": "At character 8: + 36501 days is more than a hundred years.",
    "year == 3": "At character 6: '= 3' cannot stand here;",
    'a = "open': "At character 4: '\"open' cannot stand here;",
    "(" * 21 + "a = 1" + ")" * 21: "Its brackets are nested deeper than 20.",
    "a = 1" + " " * LONGEST_FILTER: "It is 2,005 characters long; at most 2,000 may be.",
    " or ".join(["a=1"] * 101): "It has more than 100 conditions.",
}


@pytest.mark.parametrize(("text", "complaint"), WRONG.items(), ids=range(len(WRONG)))
def test_what_is_wrong_is_told_with_its_place(text: str, complaint: str) -> None:
    with pytest.raises(FilterError) as refused:
        parse_filter(text)
    assert str(refused.value).startswith(complaint), refused.value


pieces = st.sampled_from(
    ["year", "genre", "=", "!=", "<", "(", ")", "and", "or", "not", "in", '"x"', "1", "now", "time",
     "user", ".", ",", "`a b`", "true", "exists", "starts",
     "with", "- 3 days", "- 999999 days", '"', "`", "\\", "\0"]
)  # fmt: skip


@settings(max_examples=500)
@given(st.one_of(st.text(max_size=60), st.lists(pieces, max_size=14).map(" ".join)))
@example("not " * 400 + "a = 1")
def test_any_text_is_a_filter_or_is_refused(text: str) -> None:
    try:
        expression = parse_filter(text)
    except FilterError:
        return
    if not any(type(operand).__name__ == "OwnValue" for operand in expression.operands()):
        assert expression.jsonpath(NOW)
        assert isinstance(expression.holds(Document(FILM, FIELDS), NOW), bool)


def test_now_is_as_late_as_it_is_asked() -> None:
    expression = parse_filter("publish_at <= now - 1 hour")
    document = Document(FILM, FIELDS)
    assert expression.holds(document, NOW)
    assert not expression.holds(document, NOW - timedelta(seconds=1))
