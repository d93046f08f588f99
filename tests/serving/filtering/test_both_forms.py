"""A filter in SQL and in Python lets the same items pass."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, text

from serving.filtering.expression import (
    AllOf,
    AnyOf,
    Begins,
    Compared,
    Document,
    Exists,
    Expression,
    Moment,
    Name,
    Negated,
)
from sql.query_files import shared_parts
from tests.examples import examples

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
NAMES = ["a", "b", "c", 'odd "name"', "ключ", "true", "$"]
TEXTS = [
    "", "x", "xy", "Ä", "\U0001f600", "￿", "1", "true", 'a"b', "a\\b", "2026-03-01",
    "2026-03-01T12:00:00Z",
    "2026-03-01 12:00:00+01:00", "2026-03-01T12:00:00.5Z", "2026-03-01T12:00:00", "2026-13-01",
    "2026-03-01T25:00:00Z", "12:00:00", "2026-03-01T12:00:00+01",
]  # fmt: skip
plain = st.one_of(
    st.sampled_from(TEXTS),
    st.integers(-3, 3),
    st.sampled_from([0.5, -0.5, 1.0, 1e20, 10**15]),
    st.booleans(),
)
values = st.recursive(
    st.one_of(plain, st.none()),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(NAMES), inner, max_size=3)
    ),
    max_leaves=6,
)
chunk = st.lists(st.sampled_from(TEXTS[1:4]))
attributes = st.dictionaries(st.sampled_from(NAMES), values, max_size=5)
names = st.one_of(
    st.lists(st.sampled_from(NAMES), min_size=1, max_size=2).map(lambda path: Name(tuple(path))),
    st.sampled_from([Name(("category",)), Name(("title",)), Name(("item_id",))]),
)
operands = st.one_of(
    plain, st.just(Moment(None)), st.just(Moment(datetime(2026, 3, 1, tzinfo=UTC)))
)
leaves = st.one_of(
    st.builds(Compared, names, st.sampled_from(["=", "<", "<=", ">", ">="]), operands),
    st.builds(Begins, names, st.sampled_from(TEXTS)),
    st.builds(Exists, names),
)
expressions: st.SearchStrategy[Expression] = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(Negated, inner),
        st.builds(AnyOf, st.lists(inner, max_size=3).map(tuple)),
        st.builds(AllOf, st.lists(inner, max_size=3).map(tuple)),
    ),
    max_leaves=6,
)


@pytest.fixture
def connection(engine: Engine) -> Iterator[Connection]:
    with engine.connect() as connection:
        yield connection


STATEMENT = f"""
with items (item_id, title, categories, attributes, created_at) as (
    select 'x' as item_id, 'xy' as title, cast(:categories as text[]), cast(:attributes as jsonb),
           timestamptz '2026-03-01T12:00:00Z'
)
select {shared_parts()["passes"]} from items
"""


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    deadline=None,
    max_examples=examples(200),
)
@given(
    expression=expressions, attributes=attributes, categories=st.lists(st.sampled_from(TEXTS[1:4]))
)
def test_what_passes_in_python_passes_in_sql(
    connection: Connection,
    expression: Expression,
    attributes: dict[str, Any],
    categories: list[str],
) -> None:
    fields = {
        "item_id": "x",
        "title": "xy",
        "category": categories,
        "created_at": "2026-03-01T12:00:00+00:00",
    }
    parameters = {
        "attributes": json.dumps(attributes),
        "categories": categories,
        "item_path": expression.jsonpath(NOW),
        "asks_fields": True,
        "among_item_ids": None,
        "in_categories": None,
        "not_in_categories": [],
        "other_than_item_ids": [],
    }
    passes = connection.execute(text(STATEMENT), parameters).scalar_one()
    assert passes == expression.holds(Document(attributes, fields), NOW), parameters["item_path"]
