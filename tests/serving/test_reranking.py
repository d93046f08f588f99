"""The positions of a list: which go to new items, and how many a category may have."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.identifiers import ItemNo, RunId, UserNo
from serving.lists.list_builder import (
    ExplorationSchedule,
    ListBuilder,
    build_list,
    explored_positions,
)
from serving.lists.recommendation_list import RecommendedItem

limits = st.integers(1, 100)
shares = st.floats(0, 0.5)
offsets = st.floats(0, 1, exclude_max=True)


def item(no: int, *categories: str, explored: bool = False) -> RecommendedItem:
    return RecommendedItem(ItemNo(no), f"i{no}", "", 0.0, explored=explored, categories=categories)


def items(*numbers: int) -> list[RecommendedItem]:
    return [item(no) for no in numbers]


def numbers(builder: ListBuilder) -> list[int]:
    return [listed.item_no for listed in builder.items]


categorised = st.lists(
    st.tuples(st.integers(1, 30), st.sets(st.sampled_from("abc"))), max_size=20
).map(lambda given: [item(no, *sorted(names)) for no, names in dict(given).items()])


@given(limits, shares, offsets)
def test_a_list_has_its_share_of_explored_positions_to_within_one(
    limit: int, share: float, offset: float
) -> None:
    positions = explored_positions(limit, share, offset)
    assert all(2 <= position < limit for position in positions)
    # Of the first two positions one at the most is taken elsewhere, and so may fall off the end.
    # An offset next to 1 may round to it.
    assert share * limit - 2 < len(positions) < share * limit + 1 + 1e-9


@given(st.integers(3, 100), st.sampled_from([0.01, 0.05, 0.1, 0.25, 0.4]))
def test_on_average_it_is_exactly_the_share(limit: int, share: float) -> None:
    offsets = (np.arange(200) + 0.5) / 200
    counts = [len(explored_positions(limit, share, offset)) for offset in offsets]
    expected = limit * share
    # Short lists have no room behind the first two positions for all that falls on these.
    assert np.mean(counts) == pytest.approx(expected, abs=0.02 if limit > 6 else share)


@given(st.integers(2, 100), shares, offsets)
def test_a_shorter_list_is_the_beginning_of_a_longer_one(
    limit: int, share: float, offset: float
) -> None:
    longer = explored_positions(limit, share, offset)
    shorter = explored_positions(limit - 1, share, offset)
    assert shorter == {position for position in longer if position < limit - 1}


@given(st.integers(1, 10**6), st.integers(1, 10**4), st.integers(0, 10**6))
def test_a_schedule_is_the_same_for_a_user_a_run_and_an_hour(
    user: int, run: int, hour: int
) -> None:
    schedule = ExplorationSchedule.of(UserNo(user), RunId(run), hour)
    assert schedule == ExplorationSchedule.of(UserNo(user), RunId(run), hour)
    assert schedule != ExplorationSchedule.of(UserNo(user), RunId(run), hour + 1)
    for share in (
        schedule.position_offset,
        schedule.users_offset,
        schedule.item_offset,
        schedule.nearest_offset,
    ):
        assert 0 <= share < 1


def test_schedules_give_each_of_the_nearest_its_chance() -> None:
    first = Counter(
        ExplorationSchedule.of(UserNo(user), RunId(1), 7).rotated(range(10))[0]
        for user in range(5000)
    )
    assert set(first) == set(range(10))
    assert max(first.values()) < 1.3 * min(first.values())
    assert ExplorationSchedule.of(UserNo(1), RunId(1), 7).rotated([]) == []


def test_new_items_take_their_positions_and_all_others_move_down() -> None:
    builder = build_list(5, None, items(1, 2, 3, 4, 5), items(8, 9), frozenset({2, 4}))
    assert numbers(builder) == [1, 2, 8, 3, 9]


def test_a_new_item_that_is_in_the_list_anyway_stays_where_it_is() -> None:
    builder = build_list(4, None, items(1, 2, 3, 4, 5), items(3, 5), frozenset({2}))
    assert numbers(builder) == [1, 2, 5, 3]


def test_without_new_items_the_list_is_the_usual_one() -> None:
    for new in ([], items(1, 2)):
        assert numbers(build_list(3, None, items(1, 2, 3), new, frozenset({2}))) == [1, 2, 3]


@given(categorised, categorised, limits, st.none() | st.integers(1, 4), st.frozensets(limits))
def test_a_list_is_never_shorter_for_its_new_items_and_holds_nothing_twice(
    ranked: Sequence[RecommendedItem],
    new: Sequence[RecommendedItem],
    limit: int,
    most: int | None,
    positions: frozenset[int],
) -> None:
    usual, explored = (
        build_list(limit, most, ranked),
        build_list(limit, most, ranked, new, positions),
    )
    found = numbers(explored)
    assert len(set(found)) == len(found) <= limit
    explored.add_deferred()
    usual.add_deferred()
    assert len(explored.items) >= len(usual.items) == min(limit, len(ranked))


@given(categorised, limits, st.integers(1, 4))
def test_no_category_has_too_many_until_the_list_would_be_short(
    ranked: Sequence[RecommendedItem], limit: int, most: int
) -> None:
    builder = build_list(limit, most, ranked)
    counts = Counter(name for listed in builder.items for name in listed.categories)
    assert all(count <= most for count in counts.values())
    assert set(builder.full()) == {name for name, count in counts.items() if count >= most}
    kept = numbers(builder)
    builder.add_deferred()
    assert numbers(builder)[: len(kept)] == kept
    assert len(builder.items) == min(limit, len(ranked))
