"""The benchmark of analysts' views reads every view and asks every question."""

import json
import subprocess
import sys


def test_it_reads_every_view_and_asks_every_question() -> None:
    sizes = ["--events", "2000", "--users", "50", "--items", "40", "--lists", "60"]
    command = [sys.executable, "-m", "benchmarks", "analytics", *sizes, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    figures = json.loads(done.stdout.splitlines()[-1])
    assert {"click_through_daily", "interactions", "user_segments"} <= figures["views"].keys()
    assert list(figures["questions"]) == [f"{n}" for n in range(1, 11)]
    assert any(part.startswith("the activity of 50 users") for part in figures["counted_again"])
