"""What indexes of declared attributes find holds all that a filter lets pass."""

import json
from datetime import UTC, datetime
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from serving.candidates.filters import Filters, Passes
from serving.filtering.bounds import bounds_of
from serving.filtering.expression import AllOf, AnyOf, Compared, Expression, Moment, Name
from serving.filtering.language import parse_filter
from sql.filtered_attributes import add_attribute
from sql.query_files import shared_parts
from tests.serving.filtering.test_both_forms import (
    NAMES,
    attributes,
    expressions,
    leaves,
    plain,
)

MOST = 3
numbers = st.sampled_from([-1e305, -1, 0, 1e-40, 2e-40, 1, 1.5, 2**53, 2**53 + 1, 10**310])
operands = st.one_of(numbers, plain, st.just(Moment(datetime(2026, 3, 1, tzinfo=UTC))))
DRAWN = ["a", 'odd "name"', "$"]
names = st.sampled_from(DRAWN).map(lambda name: Name((name,)))
compared = st.builds(Compared, names, st.sampled_from(["=", "<", "<=", ">", ">="]), operands)
among = st.builds(
    lambda name, values: AnyOf(tuple(Compared(name, "=", value) for value in values)),
    names,
    st.lists(operands, max_size=3),
)
required = st.lists(st.one_of(compared, among, leaves, expressions), min_size=1, max_size=3)
objects = st.one_of(
    attributes,
    st.dictionaries(st.sampled_from(DRAWN), st.one_of(numbers, st.lists(plain)), min_size=2),
)
STORE = text(
    "insert into items (item_id, title, attributes)"
    " select 'item-' || no, 'x', attributes from jsonb_array_elements(cast(:given as jsonb))"
    " with ordinality as given (attributes, no)"
)
PASSING = f"select item_no from items where {shared_parts()['passes']}"
WITHIN = text("select items_within(cast(:item_bounds as jsonb), :most)")


def test_all_that_passes_lies_within(engine: Engine) -> None:
    for name in NAMES:
        add_attribute(engine, name, actor="test")
    counts = {"few": 0, "passing": 0}

    @settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=300)
    @given(st.lists(objects, min_size=1, max_size=8), required)
    def is_within(given: list[Any], inner: list[Expression]) -> None:
        filters = Filters((Passes("", AllOf(tuple(inner))),)).parameters() | {"asks_fields": True}
        with connection.begin_nested() as change:
            connection.execute(STORE, {"given": json.dumps(given)})
            # Without it so few items are looked at one by one.
            connection.execute(text("set local enable_seqscan = off"))
            passing = set(connection.execute(text(PASSING), filters).scalars())
            few = connection.execute(WITHIN, filters | {"most": MOST}).scalar_one()
            all_within = connection.execute(WITHIN, filters | {"most": 100}).scalar_one()
            change.rollback()
        assert (all_within is None) == (filters["item_bounds"] is None)
        if all_within is not None:
            assert passing <= set(all_within), filters
            assert few is None if len(all_within) > MOST else set(few) == set(all_within)
            counts["few"] += 1
            counts["passing"] += bool(passing)

    with engine.connect() as connection, connection.begin():
        is_within()
    assert min(counts.values()) > 3, counts


def test_what_has_bounds() -> None:
    for written, expected in {
        "year >= 1990 and year < 2000.5": [("year", "least"), ("year", "greatest")],
        'genre in ("a", "b") and not a = 1': [("genre", "equal_path")],
        "attributes.title = 1 and (b = true and c exists)": [
            ("title", "equal_path"), ("b", "equal_path"),
        ],
        "a = 1 or b = 1": [],
        'a > "x"': [],
        'a starts with "x"': [],
        "a != 1 and a not in (1, 2)": [],
        "a.b = 1": [],
        "category = 1 and title = 1": [],
        'a = now and a in (1, time "2026-01-01")': [],
    }.items():  # fmt: skip
        found = [(bound["name"], list(bound)[1]) for bound in bounds_of(parse_filter(written))]
        assert found == expected, written
