"""How soon lists follow: whoever turns is found, and a list that follows is told from others."""

from pathlib import Path

import numpy as np
import pytest

from batch.history.event_file import read_event_file, read_item_numbers
from batch.history.interactions import Interactions
from batch.parameters import ListHyperparameters, RunParameters, SpaceParameters
from batch.replay.nights import fit_night
from batch.space.validation_events import Timeline
from benchmarks.item_categories import Categories, grouped, read_categories
from benchmarks.reaction import AFTER, divergence, measure_reaction, turns_of
from domain.errors import InvalidInputError, NotEnoughHistoryError
from tests.used_items import used_items

SMALL = RunParameters(
    lists=ListHyperparameters(factors=8, iterations=3),
    space=SpaceParameters(factors=8, iterations=3, sequence_dimensions=8),
)
ITEMS = 100
BEFORE = 24
HALVES = Categories(
    ("low", "high"),
    np.column_stack([np.arange(ITEMS) < ITEMS // 2, np.arange(ITEMS) >= ITEMS // 2]),
)


def turning(users: int = 120, seed: int = 0) -> Interactions:
    """Users of one half of the items; every other one goes on with the other half at the end."""
    random = np.random.default_rng(seed)
    rows = []
    for user in range(users):
        halves = [random.permutation(ITEMS // 2) + half * ITEMS // 2 for half in (0, 1)]
        own, other = halves if user % 4 < 2 else halves[::-1]
        coming = other[:10] if user % 2 else own[BEFORE : BEFORE + 10]
        rows += [
            (user, item, step) for step, item in enumerate(np.concatenate([own[:BEFORE], coming]))
        ]
    user_nos, item_nos, steps = np.array(rows).T
    return used_items(user_nos, item_nos, steps + user_nos / 86_400)


def test_only_those_who_turn_to_another_category_are_followed() -> None:
    timeline = Timeline(turning())
    turns = list(turns_of(timeline, int(0.4 * len(timeline)), HALVES))
    users = timeline.interactions.user_nos[[int(turn.rows[0]) for turn in turns]]
    assert users.tolist() == list(range(1, 120, 2))
    assert {turn.category for turn in turns} == {0, 1}


def test_the_live_list_follows_and_the_nightly_one_does_not() -> None:
    log = turning()
    measured = measure_reaction(log, SMALL, HALVES, users=40, threads=1)
    assert set(measured.then_did) == set(AFTER)
    live, nightly = measured.listed["speed"], measured.listed["batch"]
    assert live[5] > live[0] + 0.2
    assert live[5] > nightly[5]
    assert measured.then_did[0] > 0.9


def test_without_a_file_each_item_is_in_one_group_of_items_liked_together() -> None:
    log = turning()
    night = fit_night(Timeline(log), len(log), SMALL, threads=1)
    found = grouped(night, ITEMS, seed=0)
    assert (found.members.sum(axis=1) == 1).all()
    pure = [set(np.flatnonzero(group) >= ITEMS // 2) for group in found.members.T if group.any()]
    assert sum(len(halves) == 1 for halves in pure) > len(pure) / 2


def test_equal_mixes_do_not_diverge_and_others_do() -> None:
    even, low = np.array([0.5, 0.5]), np.array([1.0, 0.0])
    assert divergence(even, even) == pytest.approx(0.0)
    assert divergence(low, even) > 0.5
    assert divergence(np.zeros(2), low) == 0.0


def test_a_log_in_which_nobody_turns_is_refused_with_what_to_do() -> None:
    log = turning()
    everything = Categories(("all",), np.ones((ITEMS, 1), dtype=np.bool_))
    with pytest.raises(NotEnoughHistoryError, match="--items-file"):
        measure_reaction(log, SMALL, everything, users=10, threads=1)


def test_categories_of_a_file_are_those_of_the_items_of_the_log(tmp_path: Path) -> None:
    events, items = tmp_path / "events.csv", tmp_path / "items.csv"
    events.write_text("userId,movieId,timestamp\n1,30,5\n1,4,6\n")
    items.write_text("movieId,genres\n4,Drama|War\n30,Comedy\n99,Horror\n")
    found = read_categories(items, events)
    numbers = read_item_numbers(events)
    assert read_event_file(events).item_nos.tolist() == [numbers["30"], numbers["4"]]
    assert found.names == ("Comedy", "Drama", "War")
    assert found.members[numbers["4"]].tolist() == [False, True, True]
    assert found.distribution(np.array([numbers["4"]])).tolist() == [0.0, 0.5, 0.5]
    items.write_text("movieId,year\n4,1990\n")
    with pytest.raises(InvalidInputError, match="genres"):
        read_categories(items, events)
