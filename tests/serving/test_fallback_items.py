"""Fallback items: whatever changes, what is found is what looking at each would find."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.blend import BlendPolicy
from domain.errors import StoreUnavailableError
from domain.identifiers import ItemId, ItemNo
from serving.answering.schemas import written_filter
from serving.candidates.catalogue_items import CatalogueItem
from serving.candidates.filters import EVERYTHING, Filters
from serving.fallback.fallback_items import FallbackItems
from serving.filtering.expression import Document
from serving.lists.recommendation_list import (
    AppliedPolicy,
    RecommendationList,
    RecommendedItem,
    backfill_items,
)

NAMES = st.sampled_from(["war", "noir", "drama", "opera"])
CATEGORIES = st.lists(NAMES, max_size=3).map(tuple)
FILTERS = st.builds(Filters.of, st.frozensets(NAMES, max_size=2), st.frozensets(NAMES, max_size=2))
ITEM_NOS = st.integers(min_value=0, max_value=14)
CHANGES = st.lists(st.tuples(ITEM_NOS, st.none() | CATEGORIES), max_size=6)
"""Item by item: its categories from now on; None: it is no longer available."""


Changes = list[tuple[int, tuple[str, ...] | None]]


def item(item_no: int, categories: tuple[str, ...]) -> RecommendedItem:
    named = CatalogueItem(ItemNo(item_no), f"item-{item_no}", f"Item {item_no}", categories)
    return backfill_items([named])[0]


def fallback_of(
    items: list[RecommendedItem], incomplete_categories: set[str] | None = None
) -> FallbackItems:
    policy = AppliedPolicy.of_no_source(BlendPolicy())
    return FallbackItems(
        RecommendationList("fallback", None, policy, tuple(items)), incomplete_categories
    )


def apply_changes(fallback: FallbackItems, changes: Changes) -> None:
    for item_no, categories in changes:
        item_id = ItemId(f"item-{item_no}")
        if categories is None:
            fallback.leave_out(item_id)
        else:
            fallback.update_categories(item_id, categories)


def changed(items: list[RecommendedItem], changes: Changes) -> list[RecommendedItem]:
    """The same without looking anything up."""
    for item_no, categories in changes:
        if categories is None:
            items = [listed for listed in items if listed.item_no != item_no]
        else:
            items = [
                replace(listed, categories=categories) if listed.item_no == item_no else listed
                for listed in items
            ]
    return items


@given(
    st.lists(CATEGORIES, max_size=12), CHANGES, FILTERS, st.integers(0, 12), st.frozensets(ITEM_NOS)
)
def test_what_is_found_by_category_is_what_looking_at_each_item_finds(
    catalogue: list[tuple[str, ...]],
    changes: Changes,
    filters: Filters,
    n: int,
    excluded: frozenset[ItemNo],
) -> None:
    items = [item(item_no, categories) for item_no, categories in enumerate(catalogue)]
    fallback = fallback_of(items)
    apply_changes(fallback, changes)
    expected = [
        listed
        for listed in changed(items, changes)
        if listed.item_no not in excluded and filters.match(listed)
    ]
    assert list(fallback.top(n, excluded, filters, None).items) == expected[:n]
    assert fallback.numbers_of([listed.item_id for listed in items]) == {
        listed.item_no for listed in changed(items, changes)
    }


@given(st.lists(CATEGORIES, max_size=12), CHANGES, FILTERS)
def test_a_copy_holds_the_same(
    catalogue: list[tuple[str, ...]], changes: Changes, filters: Filters
) -> None:
    fallback = fallback_of(
        [item(no, categories) for no, categories in enumerate(catalogue)], {"war"}
    )
    apply_changes(fallback, changes)
    copy = FallbackItems.decode(fallback.encode())
    assert copy.top(20, frozenset(), filters, 2) == fallback.top(20, frozenset(), filters, 2)
    assert copy.covers(filters) == fallback.covers(filters)


@given(st.lists(CATEGORIES, max_size=12), st.frozensets(ITEM_NOS), CHANGES, FILTERS)
def test_what_is_said_to_be_all_is_all(
    catalogue: list[tuple[str, ...]], lacking: frozenset[ItemNo], changes: Changes, filters: Filters
) -> None:
    items = [item(item_no, categories) for item_no, categories in enumerate(catalogue)]
    missing = [listed for listed in items if listed.item_no in lacking]
    fallback = fallback_of(
        [listed for listed in items if listed.item_no not in lacking],
        {category for listed in missing for category in listed.categories or ("",)},
    )
    apply_changes(fallback, changes)
    passing = {listed.item_no for listed in changed(items, changes) if filters.match(listed)}
    found = {listed.item_no for listed in fallback.top(20, frozenset(), filters, None).items}
    assert not fallback.covers(filters) or passing == found


def test_a_category_that_nothing_is_missing_of_is_known_wholly() -> None:
    fallback = fallback_of([item(1, ("war",)), item(2, ("noir",))], {"war"})
    assert fallback.covers(Filters.of_category("noir"))
    assert fallback.covers(Filters.of_category("never heard of"))
    assert fallback.covers(Filters.of([], ["war"]))
    assert not fallback.covers(Filters.of_category("war"))
    assert not fallback.covers(Filters.of(["war", "noir"], []))
    assert not fallback.covers(EVERYTHING)
    assert fallback_of([], set()).covers(EVERYTHING)
    fallback.update_categories(ItemId("new"), ["noir"])
    assert not fallback.covers(Filters.of_category("noir"))


def test_a_filter_that_takes_too_long_ends_before_all_items_are_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    items = [item(item_no, ("war",)) for item_no in range(10)]
    fallback = fallback_of(items, set())
    fallback.know({each.item_no: Document({"year": each.item_no}, {}) for each in items})
    times = iter(range(100))
    monkeypatch.setattr("serving.fallback.fallback_items.time.thread_time", lambda: next(times))
    monkeypatch.setattr("serving.fallback.fallback_items._LONGEST_SECONDS", 3)

    def found(text: str) -> list[ItemNo]:
        result = fallback.top(5, frozenset(), Filters().also(written_filter(text)), None)
        return [each.item_no for each in result.items]

    assert found("year = 1") == [1], "three were looked at"
    with pytest.raises(StoreUnavailableError) as late:
        found("year = 5")
    assert "filter takes too long" in str(late.value)
    unfiltered = fallback.top(10, frozenset(), EVERYTHING, None)
    assert len(unfiltered.items) == 10
