"""Samples that lists are chosen by: whom they are of, and that each user counts the same."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch.choosing import list_samples
from batch.choosing.list_samples import mean_by_user, newest_of_users, spread
from batch.engines.implicit_engine import ImplicitEngine
from batch.history.interactions import Interactions
from batch.history.splitting import Relevant, split_by_time
from batch.parameters import ListHyperparameters
from tests.used_items import used_items

FEW = ListHyperparameters(factors=8, iterations=2)
PAIRS = st.lists(st.tuples(st.integers(1, 9), st.integers(1, 30)), unique=True, max_size=80)


@given(pairs=PAIRS, most=st.integers(1, 60), seed=st.integers(0, 100))
def test_a_sample_is_of_as_many_users_as_can_be(
    pairs: list[tuple[int, int]], most: int, seed: int
) -> None:
    users, items = np.array(sorted(pairs), dtype=np.int32).reshape(-1, 2).T
    found = spread(Relevant(users, items), most, seed)
    chosen = list(zip(found.user_nos.tolist(), found.item_nos.tolist(), strict=True))
    assert chosen == sorted(chosen)
    assert set(chosen) <= set(pairs)
    assert len(chosen) == min(most, len(pairs))
    counts = {user: int((found.user_nos == user).sum()) for user in users.tolist()}
    for user, count in counts.items():
        # Nobody has two more than somebody who has others left.
        if count < int((users == user).sum()):
            assert max(counts.values()) <= count + 1


@given(
    first=st.lists(st.tuples(st.integers(1, 5), st.floats(0, 1)), min_size=1),
    other=st.lists(st.tuples(st.integers(1, 5), st.floats(0, 1))),
)
def test_each_user_counts_the_same(
    first: list[tuple[int, float]], other: list[tuple[int, float]]
) -> None:
    gains = [np.array([gain for _, gain in part], dtype=np.float64) for part in (first, other)]
    user_nos = [np.array([user for user, _ in part], dtype=np.int32) for part in (first, other)]
    by_user: dict[int, list[float]] = {}
    for user, gain in first + other:
        by_user.setdefault(user, []).append(gain)
    expected = [sum(by_user[user]) / len(by_user[user]) for user in sorted(by_user)]
    assert np.allclose(mean_by_user(gains, user_nos), expected)


def evenings(users: int = 60, items: int = 80, length: int = 50) -> Interactions:
    """Each user comes for one evening, one user after another."""
    random = np.random.default_rng(0)
    user_nos = np.repeat(np.arange(users), length)
    item_nos = np.concatenate([random.permutation(items)[:length] for _ in range(users)])
    return used_items(user_nos, item_nos, user_nos + np.tile(np.arange(length), users) / 100)


def test_those_who_came_long_ago_are_foreseen_too() -> None:
    log = evenings()
    split = split_by_time(log, 0.1)
    sample = newest_of_users(split, FEW, seed=0, engine=ImplicitEngine(1))
    assert sample is not None
    assert len(np.unique(split.future.user_nos)) < 10
    assert len(np.unique(sample.asked.user_nos)) == 60
    for index, user_no in enumerate(sample.asked.user_nos.tolist()):
        own = log.item_nos[log.user_nos == user_no]
        wanted = sample.matrix.item_nos[sample.asked.wanted[index]]
        assert wanted in own[-5:]
        assert set(sample.matrix.item_nos[sample.asked.seen[index]]) == set(own[:-5])


def test_of_short_histories_too_little_is_held_out() -> None:
    split = split_by_time(evenings(length=9), 0.1)
    reported: list[int] = []
    engine = ImplicitEngine(1)
    assert newest_of_users(split, FEW, seed=0, engine=engine, on_fit=reported.append) is None
    assert not reported


def test_of_a_longer_log_some_users_are_foreseen_and_a_shorter_one_is_read_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    log = evenings(users=400, length=40)
    split = split_by_time(log, 0.1)
    users = {}
    for most in (len(log), len(log) - 1, len(log) // 4):
        monkeypatch.setattr(list_samples, "MOST_INTERACTIONS", most)
        sample = newest_of_users(split, FEW, seed=0, engine=ImplicitEngine(1))
        assert sample is not None
        users[most] = len(sample.matrix.user_nos)
    whole, all_but_few, quarter = users.values()
    assert whole == 400
    assert all_but_few == pytest.approx(400, abs=5)
    assert quarter == pytest.approx(100, abs=30)
