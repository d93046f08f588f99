"""What followed what after a cut-off is known at a moment if it was over before."""

import numpy as np
import pytest

from batch.history.event_file import USED
from batch.history.interactions import Interactions
from batch.space import recent_pairs
from batch.space.recent_pairs import RecentPairs
from batch.space.validation_events import Timeline
from domain.recent_transitions import PSEUDO_COUNT

START = np.datetime64("2026-01-01T00:00:00", "us")


def at(minute: int) -> np.datetime64:
    return START + np.timedelta64(minute, "m")


def log_of(rows: list[tuple[int, int, int]]) -> Interactions:
    """(user, item, minute) in any order."""
    users, items, minutes = (np.array(column, dtype=np.int32) for column in zip(*rows, strict=True))
    return Timeline(
        Interactions(
            USED,
            users,
            items,
            np.ones(len(rows), dtype=np.int16),
            np.full(len(rows), np.nan, dtype=np.float32),
            START + minutes.astype("timedelta64[m]"),
        )
    ).interactions


LOG = log_of([(1, 10, 0), (2, 10, 1), (1, 20, 2), (2, 30, 4), (1, 40, 6)])
"""The cut-off is before the third."""
ITEMS = np.array([10, 20, 30], dtype=np.int32)
TEN = np.array([10], dtype=np.int32)


def test_a_pair_is_known_after_its_later_item() -> None:
    recent = RecentPairs.of(LOG, 2, ITEMS)
    assert not len(recent.as_of(TEN, at(2), 1.0))
    known = recent.as_of(TEN, at(3), 1.0).row(10)
    assert (known[0].tolist(), known[1].tolist()) == (
        [20],
        [np.float32(1.0 / (PSEUDO_COUNT + 1.0))],
    )
    both = recent.as_of(TEN, at(5), 1.0).row(10)
    assert sorted(both[0].tolist()) == [20, 30]


def test_only_pairs_of_the_newest_events_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recent_pairs, "MOST_EVENTS", 1)
    recent = RecentPairs.of(LOG, 2, ITEMS)
    assert recent.as_of(TEN, at(3), 1.0).row(10)[0].tolist() == [20]
    assert recent.as_of(TEN, at(5), 1.0).row(10)[0].tolist() == [30]


def test_items_the_run_does_not_know_are_passed_over() -> None:
    recent = RecentPairs.of(LOG, 2, ITEMS)
    assert 40 not in recent.pairs.next_item_nos.tolist()


def test_pairs_before_the_cut_off_do_not_count() -> None:
    assert not len(RecentPairs.of(LOG, len(LOG), ITEMS).known_at)


def test_at_no_moment_nothing_is_known() -> None:
    assert not len(RecentPairs.of(LOG, 2, ITEMS).as_of(TEN, None, 1.0))
    assert not len(RecentPairs.none().as_of(TEN, at(9), 1.0))
