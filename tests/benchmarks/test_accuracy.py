"""`tandem bench accuracy`, as a program calls it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest


@pytest.fixture
def split(tmp_path: Path) -> Path:
    """Forty users of two groups of items, a fifth of their items held out."""
    random = np.random.default_rng(2)
    lines: dict[str, list[str]] = {"train": [], "test": []}
    for user in range(40):
        items = random.choice(30, 15, replace=False) * 2 + user % 2
        for name, part in (("train", items[3:]), ("test", items[:3])):
            lines[name].append(" ".join(map(str, [user, *part])))
    for name, listed in lines.items():
        (tmp_path / f"{name}.txt").write_text("\n".join(listed), encoding="utf-8")
    return tmp_path


def bench(folder: Path, split: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            *(sys.executable, "-c", "from stack.cli import app; app()"),
            *("bench", "accuracy", "--split", str(split), *arguments),
        ],
        env=os.environ | {"TANDEM_HOME": str(folder / "home"), "DATABASE_URL": "", "REDIS_URL": ""},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_last_line_is_one_object_and_progress_goes_elsewhere(
    split: Path, tmp_path: Path
) -> None:
    done = bench(tmp_path, split, "--budget-seconds", "1", "--seed", "3", "--json")
    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.splitlines()
    figures = json.loads(line)
    assert 0.5 < figures["recall@20"] <= 1.0
    assert 0.0 < figures["ndcg@20"] <= 1.0
    assert figures["parameters"]["seed"] == 3
    assert figures["parameters"]["trend_exponent"] == 0.0
    assert figures["search_seconds"] > 0
    assert figures["fit_seconds"] > 0
    assert "trial 1" in done.stderr
    assert not (tmp_path / "home").exists()


def test_without_budget_nothing_is_searched(split: Path, tmp_path: Path) -> None:
    done = bench(tmp_path, split, "--budget-seconds", "0", "--json")
    figures = json.loads(done.stdout)
    assert (figures["trials"], figures["search_seconds"]) == (0, 0)
    assert "trial" not in done.stderr


def test_a_missing_file_is_one_clear_line(tmp_path: Path) -> None:
    done = bench(tmp_path, tmp_path / "nowhere")
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "train.txt" in line
