"""Nights replayed without and with words: the same validation events, by how used an item is."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from batch.content.words import ItemTerms
from batch.history.interactions import Interactions
from batch.parameters import ListHyperparameters, RunParameters, SpaceParameters
from batch.replay.replaying import ReplaySettings, replay
from benchmarks.words_replay import LISTS, WordsReplay, replay_words
from tests.batch.content.test_choosing_words import log_of_groups

SMALL = RunParameters(
    lists=ListHyperparameters(factors=8, iterations=3),
    space=SpaceParameters(factors=4, iterations=3, sequence_dimensions=4),
)
SETTINGS = ReplaySettings(nights=2, sample=200, threads=1)
ITEMS = np.arange(1, 121, dtype=np.int32)


@pytest.fixture
def log(make_interactions: Callable[..., Interactions]) -> Interactions:
    return log_of_groups(make_interactions)


def test_without_a_term_words_change_nothing_and_the_lists_are_those_of_a_replay(
    log: Interactions,
) -> None:
    silent = ItemTerms(ITEMS, (), csr_matrix((120, 0)))
    replayed = replay_words(log, silent, SMALL, SETTINGS)
    plain = replay(log, SMALL, SETTINGS)
    for name in LISTS:
        assert np.array_equal(replayed.without[name], plain.ranks[name])
        assert np.array_equal(replayed.with_words[name], plain.ranks[name])


def test_every_event_is_in_one_segment_and_in_all(log: Interactions) -> None:
    groups = csr_matrix((np.ones(120), (np.arange(120), ITEMS % 2)), shape=(120, 2))
    replayed = replay_words(log, ItemTerms(ITEMS, ("even", "odd"), groups), SMALL, SETTINGS)
    assert len(replayed.pseudo_count) == 2
    for segments in replayed.compared(1).values():
        events = {segment: segment_figures.events for segment, segment_figures in segments.items()}
        assert events.pop("all") == sum(events.values()) == len(replayed.like_counts)


def test_what_words_add_is_reported_with_its_interval() -> None:
    ranks = np.array([0, 25, 3], dtype=np.int64)
    better = np.array([0, 0, 0], dtype=np.int64)
    without, with_words = (dict.fromkeys(LISTS, ranks_of) for ranks_of in (ranks, better))
    replayed = WordsReplay(without, with_words, np.array([1, 2, 50]), (0.5,), np.arange(3))
    compared = replayed.compared(1)["speed"]
    assert compared["at most 5 users"].events == 2
    assert compared["at most 5 users"].without == pytest.approx(0.5)
    assert compared["at most 5 users"].with_words == pytest.approx(1.0)
    assert 0.0 <= compared["all"].low < compared["all"].high
    assert "6-20 users" not in compared
