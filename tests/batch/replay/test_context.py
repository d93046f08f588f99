"""Whether the context of a log foretells what its users like, told only where it does."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from batch.history.event_file import read_event_file
from batch.history.interactions import Contexts, Interactions
from batch.parameters import ListHyperparameters, RunParameters, SpaceParameters
from batch.replay.context import (
    WEIGHTS,
    ContextRanks,
    Lifts,
    context_sentence,
    foretellings,
)
from batch.replay.replaying import ReplaySettings, replay
from domain.errors import InvalidInputError
from tests.used_items import used_items

SMALL = RunParameters(
    lists=ListHyperparameters(factors=8, iterations=3),
    space=SpaceParameters(factors=4, iterations=3, sequence_dimensions=4),
)
USERS, ITEMS, EACH = 150, 120, 24


def a_log(share: float, seed: int = 0) -> Interactions:
    """Users who are on a phone or a TV by chance, and with this share like what suits it."""
    random = np.random.default_rng(seed)
    users = np.repeat(np.arange(1, USERS + 1), EACH)
    random.shuffle(users)
    devices = random.integers(1, 3, len(users))
    suits = random.random(len(users)) < share
    half = ITEMS // 2
    items = np.where(
        suits,
        1 + random.integers(0, half, len(users)) + (devices - 1) * half,
        1 + random.integers(0, ITEMS, len(users)),
    )
    log = used_items(users, items, np.arange(len(users)))
    contexts = Contexts(
        devices.astype(np.int32), {1: {"device": "phone"}, 2: {"device": "tv", "room": "cellar"}}
    )
    return replace(log, contexts=contexts)


@pytest.mark.parametrize(
    ("share", "sentence"), [(0.8, "device foretells: HR@20"), (0.0, "nothing")]
)
def test_context_that_foretells_is_told_from_one_that_does_not(share: float, sentence: str) -> None:
    replayed = replay(a_log(share), SMALL, ReplaySettings(nights=1, sample=600))
    assert replayed.context is not None
    # Without the context it is the list that is replayed anyway.
    for ranks in replayed.context.by_name.values():
        assert ranks[:, 0].tolist() == replayed.ranks["fixed"].tolist()
    found = foretellings(replayed.context, replayed.moments.user_nos)
    assert [each.name for each in found] == ["device", "room"]
    assert found[0].convincing == (share > 0)
    assert sentence in context_sentence(found)


def test_false_alarms_are_as_rare_as_stated() -> None:
    random = np.random.default_rng(0)
    user_nos = np.repeat(np.arange(100), 6)
    alarms = 0
    for _ in range(200):
        ranks = random.integers(0, 60, (len(user_nos), len(WEIGHTS)))
        has_value = np.ones(len(user_nos), dtype=np.bool_)
        (found,) = foretellings(ContextRanks({"device": ranks}, {"device": has_value}), user_nos)
        alarms += found.convincing
    # One side of 5 % of 200.
    assert alarms <= 12


def test_an_item_is_lifted_as_much_as_it_is_liked_more_and_little_of_what_is_rare() -> None:
    items = [1] * 19 + [2] + [1] * 5 + [2] * 15
    log = used_items(np.arange(40), items, np.arange(40))
    contexts = Contexts(np.repeat([1, 2], 20).astype(np.int32), {1: {"at": "a"}, 2: {"at": "b"}})
    lifts = Lifts.of(replace(log, contexts=contexts), "at")
    first = lifts.lift_of(np.array([1, 2, 9]), "a")
    # 19 where 12 are expected, and 5 of a prior.
    assert first.tolist() == pytest.approx([24 / 17, 6 / 13, 1.0])
    assert lifts.lift_of(np.array([1]), "c").tolist() == [1.0]
    assert lifts.lift_of(np.array([1]), None).tolist() == [1.0]


def test_of_many_values_those_most_often_liked_are_known_a_part_of_the_log_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    random = np.random.default_rng(3)
    contexts = Contexts(
        random.integers(0, 80, 600).astype(np.int32),
        {number: {"at": f"v{number % 70}"} if number % 7 else {} for number in range(1, 80)},
    )
    log = replace(used_items(np.arange(600), np.arange(600) % 9, np.arange(600)), contexts=contexts)
    whole = Lifts.of(log, "at")
    monkeypatch.setattr("batch.history.interactions.Interactions.slices", in_parts_of_100)
    parts = Lifts.of(log, "at")
    counted = Counter(value for row in range(600) if (value := contexts.value(row, "at")))
    assert set(whole.by_value) == set(sorted(counted, key=lambda at: (-counted[at], at))[:50])
    assert list(parts.by_value) == list(whole.by_value)
    assert all(np.array_equal(parts.by_value[at], whole.by_value[at]) for at in whole.by_value)


def in_parts_of_100(log: Interactions) -> Iterator[slice]:
    for start in range(0, len(log), 100):
        yield slice(start, start + 100)


def test_nothing_is_said_of_what_few_interactions_name() -> None:
    ranks = ContextRanks({"at": np.zeros((50, 5), np.int64)}, {"at": np.ones(50, np.bool_)})
    assert context_sentence(foretellings(ranks, np.arange(50))).startswith("Too few interactions")


def test_columns_of_a_file_are_contexts(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    lines = ("user_id,item_id,timestamp,device,room", "1,1,1,tv,", "1,2,2,,", "2,1,3,phone,hall")
    path.write_text("\n".join(lines))
    contexts = read_event_file(path, ["device", "room"]).contexts
    assert contexts is not None
    assert contexts.names() == ["device", "room"]
    assert [contexts.value(row, "device") for row in range(3)] == ["tv", None, "phone"]
    assert [contexts.value(row, "room") for row in range(3)] == [None, None, "hall"]
    assert read_event_file(path).contexts is None
    with pytest.raises(InvalidInputError, match="lacks the column place"):
        read_event_file(path, ["place"])
