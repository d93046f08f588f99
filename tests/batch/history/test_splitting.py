"""The split never lets the past see the future."""

from collections import defaultdict
from collections.abc import Callable

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from batch.history.interactions import Interactions
from batch.history.matrix import interaction_matrix
from batch.history.splitting import (
    relevant_in_future,
    sample_users,
    split_by_time,
    split_by_user,
)

Event = tuple[int, int, int, int]
"""User, item, kind, day."""

EVENTS = st.lists(
    st.tuples(st.integers(1, 6), st.integers(1, 8), st.integers(1, 4), st.integers(0, 12)),
    max_size=50,
)


def sums_by_pair(interactions: Interactions) -> dict[tuple[int, int], float]:
    sums: dict[tuple[int, int], float] = defaultdict(float)
    pairs = zip(interactions.user_nos, interactions.item_nos, strict=True)
    for pair, weight in zip(pairs, interactions.weights().astype(np.float32), strict=True):
        sums[pair] += float(weight)
    return {pair: round(total, 5) for pair, total in sums.items()}


@given(events=EVENTS, share=st.floats(0.01, 0.99))
def test_all_of_the_past_is_earlier_than_all_of_the_future(
    make_interactions: Callable[..., Interactions], events: list[Event], share: float
) -> None:
    interactions = make_interactions(events)
    split = split_by_time(interactions, share)
    assert len(split.past) + len(split.future) == len(events)
    if len(split.past) and len(split.future):
        assert split.past.occurred_at.max() < split.future.occurred_at.min() == split.moment


@settings(deadline=None)
@given(events=EVENTS)
def test_relevant_is_what_a_known_user_newly_likes(
    make_interactions: Callable[..., Interactions], events: list[Event]
) -> None:
    undecayed = [event for event in events if event[2] != 2]
    split = split_by_time(make_interactions(undecayed), 0.3)
    past = interaction_matrix(split.past, split.moment)
    relevant = relevant_in_future(past, split.future, split.moment)

    before, later = sums_by_pair(split.past), sums_by_pair(split.future)
    known = {user for (user, _), total in before.items() if total > 0}
    marked = split.past.mark_seen()
    seen = set(zip(split.past.user_nos[marked], split.past.item_nos[marked], strict=True))
    seen |= {pair for pair, total in before.items() if total < 0}
    expected = {
        pair for pair, total in later.items() if total > 0 and pair[0] in known and pair not in seen
    }
    found = list(zip(relevant.user_nos, relevant.item_nos, strict=True))
    assert found == sorted(expected)


def test_the_newest_tenth_is_held_out(make_interactions: Callable[..., Interactions]) -> None:
    split = split_by_time(make_interactions([(1, n, 1, n) for n in range(1, 101)]), 0.1)
    assert split.future.item_nos.tolist() == list(range(91, 101))


@given(users=st.sets(st.integers(1, 100)), most=st.integers(1, 30))
def test_a_sample_of_users_is_drawn_from_them_and_is_not_too_big(
    users: set[int], most: int
) -> None:
    chosen = sample_users(np.array(sorted(users), dtype=np.int32), most, seed=1)
    assert set(chosen.tolist()) <= users
    assert len(chosen) == min(most, len(users))


@given(events=EVENTS, share=st.floats(0.01, 0.99))
def test_the_newest_of_each_user_are_held_out(
    make_interactions: Callable[..., Interactions], events: list[Event], share: float
) -> None:
    interactions = make_interactions(events)
    rest, held_out = split_by_user(interactions, share, seed=0)
    assert len(rest) + len(held_out) == len(interactions)
    for user_no in np.unique(interactions.user_nos):
        own = interactions.occurred_at[interactions.user_nos == user_no]
        later = held_out.occurred_at[held_out.user_nos == user_no]
        assert len(later) == int(len(own) * share)
        assert np.sort(later).tolist() == np.sort(own)[len(own) - len(later) :].tolist()
        earlier = rest.occurred_at[rest.user_nos == user_no]
        assert not len(later) or earlier.max() <= later.min()


def test_which_of_one_instant_are_held_out_is_drawn(
    make_interactions: Callable[..., Interactions],
) -> None:
    items = 20
    at_once = make_interactions(
        [(user, item, 1, 0) for user in range(200) for item in range(items)]
    )
    rest, held_out = split_by_user(at_once, 0.1, seed=0)
    assert len(rest) + len(held_out) == len(at_once)
    times_held = np.bincount(held_out.item_nos, minlength=items)
    assert times_held.min() > 5
    assert times_held.max() < 40
    backwards = at_once.where(np.arange(len(at_once))[::-1])
    _, again = split_by_user(backwards, 0.1, seed=0)
    assert np.array_equal(again.item_nos, held_out.item_nos)
    assert np.array_equal(again.user_nos, held_out.user_nos)
    _, others = split_by_user(at_once, 0.1, seed=1)
    assert not np.array_equal(others.item_nos, held_out.item_nos)
