"""`tandem bench ingest`, with a few events."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_events_over_http_are_compared_with_inserts_and_copy() -> None:
    command = [sys.executable, "-m", "benchmarks", "ingest", "--rounds", "1", "--seconds", "1"]
    command += ["--singles", "64", "--batches", "4", "--json"]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT)
    measured = json.loads(done.stdout.splitlines()[-1])
    assert all(found["median"] > 0 for found in measured["per_second"].values())
    assert set(measured["ratios"]) == {
        "events_16/inserts_16",
        "events_64/inserts_64",
        "batches/copy",
        "batches/copies_of_1000",
    }
