"""The newest tenth of each user: what is held out, and how lists are scored on it."""

import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.held_out_tenth import ANY, LIKED, MeasuredAnswers
from benchmarks.newest_tenth import (
    HeldOut,
    hold_out_newest_tenth,
    most_used,
    ndcg_of_users,
    scored,
    unseen,
)
from benchmarks.own_night import Answer
from domain.errors import InvalidInputError, NotEnoughHistoryError

ROOT = Path(__file__).parents[2]
HEADER = "userId,movieId,rating,timestamp"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


@pytest.fixture
def rest(tmp_path: Path) -> Path:
    folder = tmp_path / "rest"
    folder.mkdir()
    return folder


def write(path: Path, heading: str, lines: list[str]) -> None:
    path.write_text("\n".join([heading, *lines]) + "\n", encoding="utf-8")


def test_a_tenth_of_each_user_is_held_out_by_time(data: Path, rest: Path) -> None:
    lines = [f"a,{no},{4 if no > 18 else 3},{100 + no}" for no in range(20, 0, -1)]
    lines += [f"b,{no},5,7" for no in range(1, 11)]
    lines += [f"c,{no},5,{no}" for no in range(1, 10)]
    write(data / "ratings.csv", HEADER, lines)
    write(data / "movies.csv", "movieId,title", ["1,One"])
    write(data / "tags.csv", "userId,movieId,tag,timestamp", ["a,1,funny,1"])
    held_out = hold_out_newest_tenth(data, rest, 4.0)
    # Of one instant the greatest id as text goes: "9".
    assert held_out.wanted == {"a": ["20", "19"], "b": ["9"]}
    assert held_out.liked == {"a": ["20", "19"], "b": ["9"]}
    assert {user: len(items) for user, items in held_out.kept.items()} == {"a": 18, "b": 9, "c": 9}
    kept = (rest / "ratings.csv").read_text(encoding="utf-8").splitlines()
    assert kept[0] == HEADER
    assert set(lines) - set(kept) == {"a,20,4,120", "a,19,4,119", "b,9,5,7"}
    assert (rest / "movies.csv").exists()
    assert (rest / "tags.csv").read_text() == (data / "tags.csv").read_text()
    liked = hold_out_newest_tenth(data, rest, 5.0).liked
    assert liked == {"b": ["9"]}


def test_what_a_user_had_used_before_is_not_wanted(data: Path, rest: Path) -> None:
    lines = [f"a\t{no % 9}\t{no}" for no in range(10)] + [f"b\t{no}\t{no}" for no in range(10)]
    write(data / "log.csv", "user_id\titem_id\ttime", lines)
    held_out = hold_out_newest_tenth(data, rest, 4.0)
    assert held_out.wanted == {"b": ["9"]}
    assert held_out.liked is None


def test_a_folder_without_one_log_and_one_without_a_tenth_are_refused(
    data: Path, rest: Path
) -> None:
    with pytest.raises(InvalidInputError, match="it has 0"):
        hold_out_newest_tenth(data, rest, 4.0)
    write(data / "log.csv", "user_id,item_id,time", [f"a,{no},{no}" for no in range(9)])
    with pytest.raises(NotEnoughHistoryError, match="newest tenth"):
        hold_out_newest_tenth(data, rest, 4.0)


def test_ndcg_of_lists_by_hand() -> None:
    lists = {"a": ["x", "y", "z"], "b": ["y"] * 20 + ["x"]}
    wanted = {"a": ["z", "x"], "b": ["x"], "c": ["x"]}
    ideal = 1 + 1 / math.log2(3)
    expected = [(1 + 1 / math.log2(4)) / ideal, 0.0, 0.0]
    assert ndcg_of_users(lists, wanted) == pytest.approx(expected)
    figures = scored(lists, wanted)
    assert figures["ndcg@20"] == pytest.approx(sum(expected) / 3)
    assert figures["low"] <= figures["ndcg@20"] <= figures["high"]


def test_one_list_for_all_leaves_out_what_each_had_used() -> None:
    lists = unseen(["x", "y", "z"], {"a": ["y"]}, ["a", "b"])
    assert lists == {"a": ["x", "z"], "b": ["x", "y", "z"]}


def test_the_most_used_items_come_first_and_equals_by_id() -> None:
    assert most_used({"a": ["z", "y"], "b": ["y", "x"], "c": ["y"]}) == ["y", "x", "z"]


def test_the_outcome_has_the_keys_programs_read() -> None:
    held_out = HeldOut({"a": ["x"], "b": ["y"]}, {"a": ["y", "z"], "b": ["x"]}, {"a": ["z"]})
    answers = {
        "a": Answer(["z", "x"], "blend", "known"),
        "b": Answer(["y", "z"], "popular", "unknown"),
    }
    measured = MeasuredAnswers(held_out, answers, {"a": ["y"]}, {"a": ["z"], "b": ["x"]})
    described = measured.described()
    assert json.loads(json.dumps(described)) == described
    figures = measured.figures()
    ideal = 1 + 1 / math.log2(3)
    assert figures["answers"][ANY]["ndcg@20"] == pytest.approx(1 / ideal / 2)
    assert figures["answers"][LIKED]["ndcg@20"] == pytest.approx(1.0)
    assert figures["nightly"][LIKED]["ndcg@20"] == pytest.approx(0.0)
    assert figures["popular"][ANY]["ndcg@20"] == pytest.approx((1 / ideal + 1) / 2)
    assert figures["most used"][ANY]["ndcg@20"] == pytest.approx((1 / ideal + 1) / 2)
    assert described["seen_shown"] == 2
    assert described["users_with_nightly_list"] == 1
    assert described["strategies"] == {"blend": 1, "popular": 1}


def test_a_night_of_its_own_is_run_asked_and_gone(
    data: Path, short_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = short_folder / "held-out"
    folder.mkdir(mode=0o755)
    random = np.random.default_rng(4)
    write(
        data / "movies.csv", "movieId,title,genres", [f"{no},Film {no},Drama" for no in range(60)]
    )
    lines = [
        f"{user},{3 * no + user % 3},4.0,{1_000_000_000 + int(at)}"
        for user in range(1, 61)
        for no, at in zip(
            random.permutation(20)[:15], np.sort(random.integers(0, 10**7, 15)), strict=True
        )
    ]
    write(data / "ratings.csv", HEADER, lines)
    for name, value in {"FACTORS": "8", "ITERATIONS": "5", "LIVE_FACTORS": "8"}.items():
        monkeypatch.setenv(f"TANDEM_BATCH_{name}", value)
    monkeypatch.setenv("TMPDIR", str(folder))
    command = [sys.executable, "-m", "benchmarks", "held-out-tenth", "--data", str(data), "--json"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    described = json.loads(done.stdout.splitlines()[-1])
    assert described["users"] == described["users_with_nightly_list"] == 60
    assert described["answers"][ANY]["ndcg@20"] > described["popular"][ANY]["ndcg@20"]
    assert described["answers"][LIKED] == described["answers"][ANY]
    assert described["seen_shown"] == 0
    assert list(folder.iterdir()) == []
