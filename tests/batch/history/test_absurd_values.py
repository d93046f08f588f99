"""A value nobody could mean does not decide what becomes of an item."""

from dataclasses import replace

import numpy as np
import pytest

from batch.engines.implicit_engine import ImplicitEngine
from batch.history.interactions import Interactions
from batch.history.matrix import interaction_matrix
from batch.lists.listing import fit_lists
from batch.lists.nightly_lists import best_lists
from batch.settings import BatchSettings
from domain.interactions import MOST_REFERENCES
from tests.batch.conftest import KINDS

USERS, GROUPS, ITEMS_A_GROUP, EVENTS = 300, 3, 60, 15
VIEW, LISTEN, REFERENCE = 1, 3, 3.0


def lists_by_item(heard: int | None, value: float) -> dict[int, int]:
    """In how many lists each item stands after two newcomers have heard one of them."""
    random = np.random.default_rng(5)
    users, items, days = [], [], []
    for user in range(USERS):
        chosen = random.choice(ITEMS_A_GROUP, EVENTS, replace=False)
        users += [user + 1] * EVENTS
        items += ((chosen + 1) * GROUPS - user % GROUPS).tolist()
        days += random.uniform(0, 100, EVENTS).tolist()
    kinds, values = [VIEW] * len(users), [np.nan] * len(users)
    if heard is not None:
        users, items, days = [*users, 301, 302], [*items, heard, heard], [*days, 100.0, 100.0]
        kinds, values = [*kinds, LISTEN, LISTEN], [*values, value, value]
    moments = np.datetime64("2026-01-01", "us") + (np.array(days) * 86400e6).astype(
        "timedelta64[us]"
    )
    (listening,) = (kind for kind in KINDS.kinds if kind.kind_no == LISTEN)
    history = Interactions(
        KINDS,
        np.array(users, dtype=np.int32),
        np.array(items, dtype=np.int32),
        np.array(kinds, dtype=np.int16),
        listening.strengths(np.array(values)).astype(np.float32),
        moments,
    )
    matrix = interaction_matrix(history, history.newest())
    hyperparameters = replace(BatchSettings().run_parameters().lists, factors=16, iterations=5)
    factors = fit_lists(
        matrix, history, history.newest(), hyperparameters, engine=ImplicitEngine(1)
    )
    lists = best_lists(matrix, factors, matrix.rows_who_like(), length=20)
    listed, counts = np.unique(lists.item_nos, return_counts=True)
    return dict(zip(listed.tolist(), counts.tolist(), strict=True))


@pytest.fixture(scope="module")
def most_listed() -> int:
    before = lists_by_item(None, 0.0)
    return max(before, key=lambda item: before[item])


def test_two_absurd_values_do_not_take_an_item_from_everybodys_lists(most_listed: int) -> None:
    assert lists_by_item(most_listed, 1e15).get(most_listed, 0) > 0


def test_an_absurd_value_does_what_the_greatest_one_does(most_listed: int) -> None:
    greatest = lists_by_item(most_listed, MOST_REFERENCES * REFERENCE)
    assert lists_by_item(most_listed, 1e15) == greatest
