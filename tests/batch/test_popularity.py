"""Popular lists count users, newest first."""

from collections.abc import Callable

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from batch.catalogue import Catalogue
from batch.history import Interactions
from batch.popularity import all_time, popular, popular_lists, trending
from batch.settings import BatchSettings

AS_OF = np.datetime64("2026-01-01", "us") + np.timedelta64(100, "D")

Event = tuple[int, int, int, int]
"""User, item, kind, day."""

EVENTS = st.lists(
    st.tuples(st.integers(1, 9), st.integers(1, 9), st.sampled_from([1, 4]), st.integers(0, 100)),
    max_size=60,
)


@given(events=EVENTS)
def test_all_time_counts_each_liker_of_an_item_once(
    make_interactions: Callable[..., Interactions], events: list[Event]
) -> None:
    likers = {(user, item) for user, item, kind, _ in events if kind == 1}
    ranking = all_time(make_interactions(events))
    expected = {item: sum(i == item for _, i in likers) for _, item in likers}
    assert dict(zip(ranking.item_nos.tolist(), ranking.scores.tolist(), strict=True)) == expected
    order = sorted(expected, key=lambda item: (-expected[item], item))
    assert ranking.item_nos.tolist() == order


@given(events=EVENTS)
def test_popular_weighs_the_newest_liking_of_each_user_by_its_age(
    make_interactions: Callable[..., Interactions], events: list[Event]
) -> None:
    settings = BatchSettings(fewest_popular_items=0, popular_days=50, popular_half_life_days=10)
    newest: dict[tuple[int, int], int] = {}
    for user, item, kind, day in events:
        if kind == 1 and day >= 50:
            newest[user, item] = max(day, newest.get((user, item), 0))
    ranking = popular(make_interactions(events), AS_OF, settings)
    for item_no, score in zip(ranking.item_nos, ranking.scores, strict=True):
        days = [day for (_, item), day in newest.items() if item == item_no]
        assert np.isclose(score, sum(0.5 ** ((100 - day) / 10) for day in days))
    assert set(ranking.item_nos.tolist()) == {item for _, item in newest}


def test_a_thin_popular_list_gives_way_to_that_of_all_time(
    make_interactions: Callable[..., Interactions],
) -> None:
    interactions = make_interactions([(1, 1, 1, 0), (2, 1, 1, 0), (1, 2, 1, 99)])
    ranking = popular(interactions, AS_OF, BatchSettings(fewest_popular_items=2))
    assert ranking.item_nos.tolist() == [1, 2]


def test_trending_is_what_has_more_likers_than_usual(
    make_interactions: Callable[..., Interactions],
) -> None:
    steady = [(user, 1, 1, 68 + 2 * user) for user in range(1, 17)]
    rising = [(user, 2, 1, 97) for user in range(1, 6)]
    ranking = trending(make_interactions(steady + rising), AS_OF, BatchSettings())
    assert ranking.item_nos[0] == 2


def test_popular_lists_hold_only_available_items_of_their_category(
    make_interactions: Callable[..., Interactions],
) -> None:
    interactions = make_interactions(
        [(user, item, 1, 99) for item in range(1, 9) for user in (1, 2)]
    )
    catalogue = Catalogue(
        np.arange(1, 9, dtype=np.int32),
        np.array([3], dtype=np.int32),
        {"Drama": np.array([1, 2, 3, 4]), "Western": np.array([7])},
    )
    settings = BatchSettings(fewest_category_items=2, popular_length=5)
    made = popular_lists(interactions, catalogue, AS_OF, settings)
    lists = {(one.name, one.category): one.ranking.item_nos.tolist() for one in made}
    assert lists["all_time", ""] == [1, 2, 4, 5, 6]
    assert lists["popular", "Drama"] == [1, 2, 4]
    assert ("popular", "Western") not in lists
