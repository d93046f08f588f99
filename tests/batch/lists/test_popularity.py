"""Popular lists count users, newest first."""

from collections.abc import Callable

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from batch.history.interactions import Interactions
from batch.lists.popularity import all_time, popular
from batch.settings import BatchSettings

AS_OF = np.datetime64("2026-01-01", "us") + np.timedelta64(100, "D")

Event = tuple[int, int, int, int]
"""User, item, kind, day."""

EVENTS = st.lists(
    st.tuples(st.integers(1, 9), st.integers(1, 9), st.sampled_from([1, 4]), st.integers(0, 100)),
    max_size=60,
)


@given(events=EVENTS)
def test_all_time_counts_each_user_who_liked_an_item_once(
    make_interactions: Callable[..., Interactions], events: list[Event]
) -> None:
    liked_by = {(user, item) for user, item, kind, _ in events if kind == 1}
    ranking = all_time(make_interactions(events))
    expected = {item: sum(i == item for _, i in liked_by) for _, item in liked_by}
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
