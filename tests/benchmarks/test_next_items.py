"""Last and later items foreseen, by hand and on logs that are easy to foresee."""

import json
import math
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from batch.history.interactions import Interactions
from batch.parameters import ListHyperparameters, RunParameters, SpaceParameters
from batch.replay.nights import fit_night
from batch.space.validation_events import Timeline
from benchmarks.leave_one_out import described_last, foresee_last, last_events, leave_last_out
from benchmarks.next_items import NextItems, foresee
from benchmarks.time_split import SplitFigures, foresee_later
from domain.errors import NotEnoughHistoryError

ROOT = Path(__file__).parents[2]
SMALL = RunParameters(
    lists=ListHyperparameters(factors=8, iterations=3),
    space=SpaceParameters(factors=4, iterations=3, sequence_dimensions=4),
)
MISSED = np.iinfo(np.int32).max

Make = Callable[..., Interactions]


def foreseen() -> NextItems:
    return NextItems(
        {"live": np.array([0, 1, 10, MISSED]), "popular": np.array([MISSED, 9, 0, MISSED])},
        {"live": np.array([1, 2, 3]), "popular": np.array([1, 2])},
        np.array([1, 4, 4, 0]),
    )


def test_hit_rate_and_ndcg_of_each_list_by_hand() -> None:
    figures = foreseen().figures()
    assert figures["live"]["hr@10"] == pytest.approx(2 / 4)
    assert figures["live"]["ndcg@10"] == pytest.approx((1 + 1 / math.log2(3)) / 4)
    assert figures["popular"]["ndcg@10"] == pytest.approx((1 / math.log2(11) + 1) / 4)
    chosen = np.array([False, True, True, False])
    assert foreseen().figures(chosen)["live"]["hr@10"] == pytest.approx(1 / 2)
    assert foreseen().unknown() == 1


def test_the_keys_of_leave_one_out_are_those_programs_read() -> None:
    described = described_last(foreseen())
    assert json.loads(json.dumps(described)) == described
    assert described["hr@10"] == pytest.approx(0.5)
    assert described["popular"] == foreseen().figures()["popular"]
    assert (described["users"], described["unknown_items"]) == (4, 1)


def test_the_debiased_figures_and_the_coverage_by_hand() -> None:
    measured = SplitFigures(foreseen(), np.array([True, True, False, False]), 6)
    live = measured.figures(0.5)["live"]
    # Weights 1, 1/2, 1/2 and 1, as an unknown item counts as used once.
    assert live["debiased_ndcg@10"] == pytest.approx((1 + 0.5 / math.log2(3)) / 3)
    assert live["coverage@10"] == pytest.approx(3 / 6)
    unbiased = measured.figures(0.0)["live"]
    assert unbiased["debiased_ndcg@10"] == pytest.approx(unbiased["ndcg@10"])
    parts = measured.by_list_of_night()
    assert parts["with nightly list"]["live"]["hr@10"] == pytest.approx(1.0)
    assert parts["without nightly list"]["live"]["hr@10"] == pytest.approx(0.0)
    described = measured.described(0.5)
    assert json.loads(json.dumps(described)) == described
    assert (described["moments"], described["moments_with_list"]) == (4, 2)


def test_a_part_that_nobody_is_in_is_left_out() -> None:
    measured = SplitFigures(foreseen(), np.ones(4, dtype=np.bool_), 6)
    assert set(measured.by_list_of_night()) == {"with nightly list"}


def test_the_last_of_each_user_who_has_two_is_taken(make_interactions: Make) -> None:
    log = make_interactions(
        [(1, 5, 1, 3.0), (1, 6, 1, 1.0), (2, 5, 1, 2.0), (3, 9, 1, 4.0), (3, 7, 1, 4.0)]
    )
    left_out = leave_last_out(log)
    assert left_out.targets.user_nos.tolist() == [1, 3]
    assert left_out.targets.item_nos.tolist() == [5, 9]
    assert sorted(zip(left_out.rest.user_nos, left_out.rest.item_nos, strict=True)) == [
        (1, 6),
        (2, 5),
        (3, 7),
    ]
    _, events = last_events(left_out, None, 0)
    assert [event.history.item_nos.tolist() for event in events] == [[6], [7]]
    assert len(last_events(left_out, 1, 0)[1]) == 1


def test_without_a_user_with_two_there_is_nothing_to_leave_out(make_interactions: Make) -> None:
    with pytest.raises(NotEnoughHistoryError, match="two interactions"):
        leave_last_out(make_interactions([(user, 1, 1, user) for user in range(1, 9)]))


def walks(users: int, steps: int) -> list[tuple[int, int, int, float]]:
    """Users who walk round a circle of thirty items from different positions, a step a day."""
    return [
        (user, 1 + (user + step) % 30, 1, float(step))
        for user in range(1, users + 1)
        for step in range(steps)
    ]


def test_the_last_step_is_foreseen_where_popularity_cannot(make_interactions: Make) -> None:
    done = foresee_last(make_interactions(walks(60, 9)), SMALL, threads=1)
    figures = done.figures()
    assert len(done.used_before) == 60
    assert done.used_before.tolist() == [16] * 60
    assert set(figures) >= {"popular", "batch", "live", "blend"}
    assert figures["live"]["hr@10"] > 0.9 > figures["popular"]["hr@10"]


def test_later_steps_are_foreseen_from_all_before_them(make_interactions: Make) -> None:
    log = make_interactions([*walks(60, 10), (99, 3, 1, 9.5), (99, 400, 1, 9.6)])
    measured = foresee_later(log, SMALL, threads=1)
    assert len(measured.with_list) == 62
    assert measured.with_list.sum() == 60
    assert measured.foreseen.unknown() == 1
    assert measured.catalogue_size == 30
    figures = measured.figures(0.5)
    assert figures["live"]["hr@10"] > 0.9
    assert 0.0 < figures["popular"]["coverage@10"] <= figures["live"]["coverage@10"] <= 1.0
    assert len(foresee_later(log, SMALL, sample=20, threads=1).with_list) == 20


def test_what_is_known_of_an_item_is_how_often_it_was_used(make_interactions: Make) -> None:
    timeline = Timeline(make_interactions(walks(60, 10)))
    cut_off = 540
    # As if the popular list had none of the items any more.
    night = replace(fit_night(timeline, cut_off, SMALL, threads=1), popular=np.zeros(30))
    rows = timeline.foreseeable(cut_off, len(timeline))
    done = foresee(night, timeline.events(rows, cut_off), lambda _done: None)
    assert done.used_before.tolist() == [18] * 60


def test_a_log_of_one_instant_cannot_be_split(make_interactions: Make) -> None:
    with pytest.raises(NotEnoughHistoryError, match="one instant"):
        foresee_later(make_interactions([(1, 1, 1, 1.0), (2, 2, 1, 1.0)]), SMALL)


@pytest.mark.parametrize("name", ["leave-one-out", "time-split"])
def test_the_last_line_is_one_object(tmp_path: Path, name: str) -> None:
    path = tmp_path / "log.csv"
    lines = [f"u{user},i{item},{int(day)}" for user, item, _, day in walks(60, 10)]
    path.write_text("\n".join(["user_id,item_id,timestamp", *lines]) + "\n", encoding="utf-8")
    command = [sys.executable, "-m", "benchmarks", name, "--events-file", str(path), "--json"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    described = json.loads(done.stdout.splitlines()[-1])
    assert {"hr@10", "ndcg@10"} <= set(described["live"]) & set(described["popular"])
