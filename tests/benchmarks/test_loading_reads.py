"""`tandem bench loading-reads`, with a small load."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_reads_beside_a_load_are_compared_with_reads_without_one() -> None:
    command = [sys.executable, "-m", "benchmarks", "loading-reads", "--events", "1000"]
    command += ["--rounds", "1", "--reads", "10", "--quiet-seconds", "2", "--json"]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT)
    noticed = json.loads(done.stdout.splitlines()[-1])
    assert noticed["events"] == 1_000
    assert noticed["quiet_reads"] > 0
    assert noticed["loading_reads"] > 0
    assert noticed["ratio"] > 0.0
