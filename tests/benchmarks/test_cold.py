"""`tandem bench cold`, as a program calls it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

GROUPS = 3
ITEMS = 150
USERS = 120


@pytest.fixture
def films(tmp_path: Path) -> Path:
    """A folder of films in three groups: users like those of one, whose words tell it."""
    random = np.random.default_rng(5)
    folder = tmp_path / "films"
    folder.mkdir()
    words = ("robot", "cowboy", "ballet")
    movies = [
        f"{no},A {words[no % GROUPS]} of {no % 11} (2001),{('Sci-Fi', 'Western', 'Music')[no % 3]}"
        for no in range(1, ITEMS + 1)
    ]
    ratings = []
    for user in range(1, USERS + 1):
        own = [no for no in range(1, ITEMS + 1) if no % GROUPS == user % GROUPS]
        seen = random.permutation(own)[:25].tolist()
        seen += random.integers(1, ITEMS + 1, 3).tolist()
        times = 1_000_000_000 + random.integers(0, 10**7, len(seen))
        ratings += [f"{user},{no},4.0,{at}" for no, at in zip(seen, times, strict=True)]
    _write(folder / "movies.csv", "movieId,title,genres", movies)
    _write(folder / "ratings.csv", "userId,movieId,rating,timestamp", ratings)
    return folder


def _write(path: Path, heading: str, lines: list[str]) -> None:
    path.write_text("\n".join([heading, *lines]) + "\n", encoding="utf-8")


def bench(folder: Path, data: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            *(sys.executable, "-c", "from stack.cli import app; app()"),
            *("bench", "cold", "--data", str(data), *arguments),
        ],
        env=os.environ | {"TANDEM_HOME": str(folder / "home"), "DATABASE_URL": "", "REDIS_URL": ""},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def test_hidden_films_of_a_group_are_ranked_for_its_users(films: Path, tmp_path: Path) -> None:
    done = bench(tmp_path, films, "--seed", "1", "--json")
    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.splitlines()
    figures = json.loads(line)
    assert figures["hidden_items"] == 15
    assert figures["auc"] > 0.8
    assert figures["speed_auc"] > 0.8
    assert figures["batch_auc"] > 0.8
    assert figures["content_only_auc"] > 0.8
    assert figures["recall@20"] == figures["random_recall@20"] == 1.0
    for count in (1, 2, 5):
        assert figures[f"auc_after_{count}"] > 0.8
        assert {f"words_auc_after_{count}", f"observed_auc_after_{count}"} <= figures.keys()
    assert "learning the words" in done.stderr
    assert not (tmp_path / "home").exists()
    assert list(tmp_path.iterdir()) == [films]


def test_too_few_films_are_one_clear_line(tmp_path: Path) -> None:
    folder = tmp_path / "few"
    folder.mkdir()
    _write(folder / "movies.csv", "movieId,title,genres", ["1,One,Drama", "2,Two,Drama"])
    _write(folder / "ratings.csv", "userId,movieId,rating,timestamp", ["1,1,4.0,1000000000"])
    done = bench(tmp_path, folder)
    assert done.returncode == 1
    assert "too little to hide" in done.stderr.splitlines()[-1]


def test_a_missing_folder_is_one_clear_line(tmp_path: Path) -> None:
    done = bench(tmp_path, tmp_path / "nowhere")
    assert done.returncode == 1
    assert "nowhere" in done.stderr.splitlines()[-1]
