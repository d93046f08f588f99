"""Choosing some items of each category: bounded, in turn, and knowing what was left out."""

from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from domain.identifiers import ItemNo
from serving.fallback.category_selection import NewestPerCategory, select_round_robin

NAMES = st.sampled_from(["", "war", "noir", "drama", "opera", "silent"])
NUMBERS = st.integers(min_value=1, max_value=30)
BY_CATEGORY = st.dictionaries(NAMES, st.lists(NUMBERS, unique=True, max_size=8))
CATALOGUE = st.lists(st.lists(NAMES, unique=True, min_size=1, max_size=3), max_size=40)
"""The categories of each item, the oldest first."""


class Wanted(NamedTuple):
    """What items are chosen from, in the order of `select_round_robin`."""

    by_category: dict[str, list[ItemNo]]
    there: frozenset[ItemNo]
    provided: frozenset[str]
    most: int


WANTED = st.builds(
    Wanted, BY_CATEGORY, st.frozensets(NUMBERS), st.frozensets(NAMES), st.integers(0, 40)
)


@given(WANTED)
def test_never_more_are_chosen_than_asked_for_and_none_twice(wanted: Wanted) -> None:
    item_nos = select_round_robin(*wanted).item_nos
    assert len(item_nos) == len(set(item_nos)) <= wanted.most
    assert wanted.there.isdisjoint(item_nos)
    assert set(item_nos) <= {no for entry in wanted.by_category.values() for no in entry}


@given(WANTED)
def test_no_category_has_a_later_item_while_another_lacks_an_earlier_one(wanted: Wanted) -> None:
    choice = select_round_robin(*wanted)
    known = wanted.there.union(choice.item_nos)
    turns = {
        (name, item_no): index + (name in wanted.provided)
        for name, entry in wanted.by_category.items()
        for index, item_no in enumerate(entry)
    }
    lacking = [turn for (_, item_no), turn in turns.items() if item_no not in known]
    if not lacking:
        assert not choice.incomplete
        return
    assert len(choice.item_nos) == wanted.most
    for item_no in choice.item_nos:
        assert min(turn for (_, no), turn in turns.items() if no == item_no) <= min(lacking)


@given(WANTED)
def test_the_categories_that_lack_items_are_reported(wanted: Wanted) -> None:
    choice = select_round_robin(*wanted)
    known = wanted.there.union(choice.item_nos)
    assert choice.incomplete == {
        name for name, entry in wanted.by_category.items() if not known >= set(entry)
    }


def read(catalogue: list[list[str]], *, page_items: int, most: int) -> NewestPerCategory:
    newest = NewestPerCategory(most)
    numbered = list(enumerate(catalogue))[::-1]
    for start in range(0, len(numbered), page_items):
        page: dict[str, list[int]] = {}
        for item_no, categories in numbered[start : start + page_items]:
            for category in categories:
                page.setdefault(category, []).append(item_no)
        newest.add({name: item_nos[: newest.each + 1] for name, item_nos in page.items()})
    return newest


@given(CATALOGUE, st.integers(min_value=1, max_value=10), st.integers(min_value=1, max_value=30))
def test_of_each_category_that_was_read_the_newest_are_kept_and_no_more_than_there_is_room_for(
    catalogue: list[list[str]], page_items: int, most: int
) -> None:
    newest = read(catalogue, page_items=page_items, most=most)
    assert sum(map(len, newest.by_category.values())) <= most
    whole: dict[str, list[int]] = {}
    for item_no, categories in reversed(list(enumerate(catalogue))):
        for category in categories:
            whole.setdefault(category, []).append(item_no)
    assert newest.has_all_categories == (set(newest.by_category) == set(whole))
    for name, item_nos in newest.by_category.items():
        assert item_nos == whole[name][: len(item_nos)]
        assert len(item_nos) == min(len(whole[name]), newest.each)
        assert name in newest.cut or item_nos == whole[name]


@given(CATALOGUE, st.integers(min_value=1, max_value=10))
def test_with_room_for_all_nothing_is_cut(catalogue: list[list[str]], page_items: int) -> None:
    newest = read(catalogue, page_items=page_items, most=200)
    assert newest.has_all_categories
    assert not newest.cut
    newest.invalidate(["war"])
    assert newest.cut == {"war"}
