"""The conditions of a list: what they say in Python and in SQL is the same."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, insert, text

from serving.candidates.catalogue_items import CatalogueItem
from serving.candidates.filters import (
    EVERYTHING,
    NOT_ASKED,
    Condition,
    Filters,
    OtherThanItems,
)
from sql import query_files
from sql.query_files import shared_parts
from tests import tables
from tests.serving.conftest import Seeds

NAMES = ["war", "noir", "drama", "Drama"]
CATEGORIES = [(), ("war",), ("noir", "war"), ("drama",), ("Drama", "noir"), ("opera",)]
chunk = st.lists(st.sampled_from(NAMES), max_size=3)
others = st.frozensets(st.sampled_from(["of-0", "of-2", "of-4", "no-item"]), max_size=3)


def filters_of(any_of: list[str], none_of: list[str], item_ids: frozenset[str]) -> Filters:
    filters = Filters.of(any_of, none_of)
    return filters.also(OtherThanItems(item_ids)) if item_ids else filters


FILTERS = st.builds(filters_of, chunk, chunk, others)


def item(categories: tuple[str, ...], item_id: str = "item") -> CatalogueItem:
    return CatalogueItem(1, item_id, "Item", categories)


@pytest.fixture
def catalogue(seeds: Seeds) -> Iterator[Connection]:
    rows = [
        {"item_id": f"of-{n}", "title": f"{n}", "categories": list(categories)}
        for n, categories in enumerate(CATEGORIES)
    ]
    seeds.write(insert(tables.items).values(rows))
    with seeds.engine.connect() as connection:
        yield connection


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60
)
@given(filters=FILTERS)
def test_what_passes_in_memory_passes_in_the_store(catalogue: Connection, filters: Filters) -> None:
    parts = shared_parts()
    parameters = filters.parameters()
    expected = {f"of-{n}" for n, of in enumerate(CATEGORIES) if filters.match(item(of, f"of-{n}"))}
    for condition in (parts["passes"], f"({parts['wanted']}) and not ({parts['unwanted']})"):
        statement = text(f"select item_id from items where item_id like 'of-%' and {condition}")
        assert set(catalogue.execute(statement, parameters).scalars()) == expected
    # Statements list the smaller part: all of it passes if few are not to be kept.
    if not filters.keep_few:
        statement = text(f"select bool_and({parts['wanted']}) from items")
        assert catalogue.execute(statement, parameters).scalar_one()


@given(FILTERS, FILTERS)
def test_filters_are_told_apart_exactly_if_they_say_something_else(
    filters: Filters, others: Filters
) -> None:
    assert (filters.key() == others.key()) == (filters == others)


@given(FILTERS, chunk)
def test_categories_that_are_taken_out_too_leave_what_has_none_of_them(
    filters: Filters, categories: list[str]
) -> None:
    for of in CATEGORIES:
        passes = filters.match(item(of)) and not set(of) & set(categories)
        assert filters.without(categories).match(item(of)) == passes


def test_filters_are_equal_if_they_say_the_same_in_whatever_order() -> None:
    filters = Filters.of(["war", "crime", "war"], ["horror"])
    assert filters == Filters.of(["crime", "war"], ["horror"])
    assert (filters.any_of, filters.none_of) == (("crime", "war"), ("horror",))
    assert Filters.of() == Filters.of_category("") == EVERYTHING


def test_every_parameter_of_a_condition_has_a_value_where_it_is_not_asked() -> None:
    for condition in Filters.of(["war"], ["noir"]).conditions:
        assert condition.parameters().keys() <= NOT_ASKED.keys()
    parts = shared_parts()
    written = f"{parts['passes']} {parts['few']}"
    assert {":" + name for name in NOT_ASKED} <= set(
        written.replace(" as ", " ").replace("(", " ").split()
    )


def test_no_statement_uses_the_name_of_a_condition_for_something_else() -> None:
    queries = Path(query_files.__file__).parent / "queries"
    for path in sorted(queries.glob("*.sql")):
        used = set(re.findall(r"(?<!:):(\w+)", path.read_text(encoding="utf-8")))
        assert used.isdisjoint(NOT_ASKED), path.name


class Unknowable:
    """A condition on something that is not known in memory."""

    keeps_few = False
    known_in_memory = False

    def parameters(self) -> dict[str, object]:
        return {}

    def identity(self) -> dict[str, object]:
        return {}

    def matches(self, item: object, document: object) -> bool:  # noqa: ARG002
        return False


def test_a_condition_that_memory_knows_nothing_of_lets_nothing_pass_there() -> None:
    unknowable: Condition = Unknowable()
    filters = Filters((*Filters.of(["war"]).conditions, unknowable))
    assert not filters.known_in_memory
    assert not filters.match(item(("war",)))
