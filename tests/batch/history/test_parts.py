"""A long history is looked at in parts of whole users, and that changes no figure."""

from collections.abc import Callable
from functools import partialmethod
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batch.choosing import validation
from batch.choosing.validation import make_validation
from batch.history.following import following_counts
from batch.history.interactions import Interactions
from batch.history.matrix import interaction_matrix
from batch.history.splitting import split_by_time
from batch.history.trend import trend
from batch.lists.listed_sequence import sequence_factors
from batch.lists.popularity import all_time
from batch.parameters import SpaceParameters, TransitionParameters
from batch.space.sequence import SequenceVectors
from batch.space.transitions import fit_transitions
from tests.used_items import used_items

MakeInteractions = Callable[..., Interactions]
FEW = TransitionParameters(most_moments=60)


def log(interactions: MakeInteractions, users: int = 40) -> Interactions:
    random = np.random.default_rng(3)
    events = 15 * users
    return interactions(
        list(
            zip(
                random.integers(1, users, events).tolist(),
                random.integers(1, 12, events).tolist(),
                random.choice([1, 1, 2, 4], events).tolist(),
                random.uniform(0, 50, events).tolist(),
                strict=True,
            )
        )
    )


@settings(deadline=None)
@given(users=st.lists(st.integers(1, 9), min_size=1, max_size=40), at_once=st.integers(1, 50))
def test_parts_hold_each_interaction_once_and_whole_users_by_rising_numbers(
    make_interactions: MakeInteractions, users: list[int], at_once: int
) -> None:
    history = make_interactions([(user, day + 1, 1, day) for day, user in enumerate(users)])
    parts = list(history.by_users(at_once))
    whole = [set(part.user_nos.tolist()) for part in parts]
    assert all(max(part) < min(later) for part, later in pairwise(whole))
    together = np.concatenate([part.item_nos for part in parts])
    assert sorted(together.tolist()) == history.item_nos.tolist()


def test_what_is_learned_in_parts_is_what_is_learned_at_once(
    make_interactions: MakeInteractions, monkeypatch: pytest.MonkeyPatch
) -> None:
    history = log(make_interactions)
    as_of, items = history.newest(), np.unique(history.item_nos)
    random = np.random.default_rng(1)
    sequence = SequenceVectors(*random.normal(size=(2, len(items), 4)).astype(np.float32))

    def learned() -> list[np.ndarray]:
        matrix = interaction_matrix(history, as_of)
        ranking = all_time(history)
        (transitions,) = fit_transitions(history, items, FEW, [5.0]).values()
        return [
            matrix.weights.toarray(),
            matrix.seen.toarray(),
            following_counts(history, items, as_of, SpaceParameters()).whole().toarray(),
            sequence_factors(sequence, matrix, history).users,
            trend(history, items, as_of, 7.0),
            transitions.toarray(),
            np.array([ranking.item_nos, ranking.scores]),
        ]

    at_once = learned()
    for name in ("by_users", "slices"):
        in_parts = partialmethod(getattr(Interactions, name), 50)
        monkeypatch.setattr(Interactions, name, in_parts)
    assert len(list(history.by_users())) > 5
    for parts, whole in zip(learned(), at_once, strict=True):
        assert np.allclose(parts, whole, rtol=1e-6, atol=1e-9)


def test_a_split_of_what_is_in_order_is_that_of_any_other_order(
    make_interactions: MakeInteractions,
) -> None:
    shuffled = log(make_interactions)
    ordered = shuffled.in_time_order()
    first, other = (split_by_time(history, 0.2) for history in (ordered, shuffled))
    assert np.shares_memory(first.past.user_nos, ordered.user_nos)
    for half in ("past", "future"):
        own = getattr(first, half).in_time_order()
        wanted = getattr(other, half).in_time_order()
        assert np.array_equal(own.item_nos, wanted.item_nos)
        assert np.array_equal(own.occurred_at, wanted.occurred_at)


def test_of_a_long_log_the_events_of_some_users_are_foreseen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    user_nos, days = (numbers.ravel() for numbers in np.mgrid[1:200, 0:20])
    history = used_items(user_nos, 1 + (user_nos + days) % 30, days)
    split = split_by_time(history, 0.2)
    past = interaction_matrix(split.past, split.moment)
    space = SpaceParameters(factors=4, iterations=1)
    monkeypatch.setattr(validation, "FEWEST_EVENTS", 1)
    all_users = make_validation(split, past, space, seed=0)
    monkeypatch.setattr(validation, "MOST_INTERACTIONS", len(history) // 4)
    some_users = make_validation(split, past, space, seed=0)
    assert all_users is not None
    assert some_users is not None
    users, drawn = ({event.user_no for event in found.events} for found in (all_users, some_users))
    assert 0.1 < len(drawn) / len(users) < 0.4
