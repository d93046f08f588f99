"""The places of a list: which go to new items, and how many a category may have."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.identifiers import ItemNo, RunId, UserNo
from serving.services.lists.made_list import RecommendedItem
from serving.services.lists.slots import Draft, Turn, drafted, explored_places

limits = st.integers(1, 100)
shares = st.floats(0, 0.5)
offsets = st.floats(0, 1, exclude_max=True)


def item(no: int, *categories: str, explored: bool = False) -> RecommendedItem:
    return RecommendedItem(ItemNo(no), f"i{no}", "", 0.0, explored=explored, categories=categories)


def items(*numbers: int) -> list[RecommendedItem]:
    return [item(no) for no in numbers]


def numbers(draft: Draft) -> list[int]:
    return [listed.item_no for listed in draft.items]


categorised = st.lists(
    st.tuples(st.integers(1, 30), st.sets(st.sampled_from("abc"))), max_size=20
).map(lambda given: [item(no, *sorted(names)) for no, names in dict(given).items()])


@given(limits, shares, offsets)
def test_a_list_has_its_share_of_explored_places_to_within_one(
    limit: int, share: float, offset: float
) -> None:
    places = explored_places(limit, share, offset)
    assert all(2 <= place < limit for place in places)
    # Of the first two places one at the most is taken elsewhere, and so may fall off the end.
    assert share * limit - 2 < len(places) < share * limit + 1


@given(st.integers(3, 100), st.sampled_from([0.01, 0.05, 0.1, 0.25, 0.4]))
def test_on_average_it_is_exactly_the_share(limit: int, share: float) -> None:
    offsets = (np.arange(200) + 0.5) / 200
    counts = [len(explored_places(limit, share, offset)) for offset in offsets]
    expected = limit * share
    # Short lists have no room behind the first two places for all that falls on these.
    assert np.mean(counts) == pytest.approx(expected, abs=0.02 if limit > 6 else share)


@given(st.integers(2, 100), shares, offsets)
def test_a_shorter_list_is_the_beginning_of_a_longer_one(
    limit: int, share: float, offset: float
) -> None:
    longer = explored_places(limit, share, offset)
    shorter = explored_places(limit - 1, share, offset)
    assert shorter == {place for place in longer if place < limit - 1}


@given(st.integers(1, 10**6), st.integers(1, 10**4), st.integers(0, 10**6))
def test_a_turn_is_the_same_for_a_user_a_run_and_an_hour(user: int, run: int, hour: int) -> None:
    turn = Turn.of(UserNo(user), RunId(run), hour)
    assert turn == Turn.of(UserNo(user), RunId(run), hour)
    assert turn != Turn.of(UserNo(user), RunId(run), hour + 1)
    for share in (turn.place, turn.level, turn.start, turn.choice):
        assert 0 <= share < 1


def test_turns_give_each_of_the_nearest_its_chance() -> None:
    first = Counter(
        Turn.of(UserNo(user), RunId(1), 7).rotated(range(10))[0] for user in range(5000)
    )
    assert set(first) == set(range(10))
    assert max(first.values()) < 1.3 * min(first.values())
    assert Turn.of(UserNo(1), RunId(1), 7).rotated([]) == []


def test_new_items_take_their_places_and_all_others_move_down() -> None:
    draft = drafted(5, None, items(1, 2, 3, 4, 5), items(8, 9), frozenset({2, 4}))
    assert numbers(draft) == [1, 2, 8, 3, 9]


def test_a_new_item_that_is_in_the_list_anyway_stays_where_it_is() -> None:
    draft = drafted(4, None, items(1, 2, 3, 4, 5), items(3, 5), frozenset({2}))
    assert numbers(draft) == [1, 2, 5, 3]


def test_without_new_items_the_list_is_the_usual_one() -> None:
    for new in ([], items(1, 2)):
        assert numbers(drafted(3, None, items(1, 2, 3), new, frozenset({2}))) == [1, 2, 3]


@given(categorised, categorised, limits, st.none() | st.integers(1, 4), st.frozensets(limits))
def test_a_draft_is_never_shorter_for_its_new_items_and_holds_nothing_twice(
    ranked: Sequence[RecommendedItem],
    new: Sequence[RecommendedItem],
    limit: int,
    most: int | None,
    places: frozenset[int],
) -> None:
    usual, explored = drafted(limit, most, ranked), drafted(limit, most, ranked, new, places)
    found = numbers(explored)
    assert len(set(found)) == len(found) <= limit
    explored.give_way()
    usual.give_way()
    assert len(explored.items) >= len(usual.items) == min(limit, len(ranked))


@given(categorised, limits, st.integers(1, 4))
def test_no_category_has_too_many_until_the_list_would_be_short(
    ranked: Sequence[RecommendedItem], limit: int, most: int
) -> None:
    draft = drafted(limit, most, ranked)
    counts = Counter(name for listed in draft.items for name in listed.categories)
    assert all(count <= most for count in counts.values())
    assert set(draft.full()) == {name for name, count in counts.items() if count >= most}
    kept = numbers(draft)
    draft.give_way()
    assert numbers(draft)[: len(kept)] == kept
    assert len(draft.items) == min(limit, len(ranked))
