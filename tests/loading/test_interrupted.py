"""A load that is killed leaves whole chunks behind, and loading again completes it."""

import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from loading.load import load
from loading.options import LoadOptions

ROWS = 4_000
WORKING = """
import sys
from loading import events
from loading.options import LoadOptions
from loading.load import load

events.EVENTS_AT_ONCE = 1_000
stored = 0

def stop_after_two_batches(progress):
    global stored
    stored += 1
    if stored == 2:
        print(progress.rows, flush=True)
        sys.stdin.read()

load([sys.argv[1]], sys.argv[2], LoadOptions(create_items=True), on_progress=stop_after_two_batches)
"""


@pytest.mark.usefixtures("own_folder")
def test_a_killed_load_is_completed_by_loading_again(
    database_url: str, engine: Engine, tmp_path: Path
) -> None:
    path = tmp_path / "events.csv"
    rows = [f"user-{n % 97},item-{n % 13},{1_600_000_000 + n}\n" for n in range(ROWS)]
    path.write_text("".join(["user_id,item_id,timestamp\n", *rows]))
    with subprocess.Popen(
        [sys.executable, "-c", WORKING, str(path), database_url],
        cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdout is not None
        committed = int(child.stdout.readline())
        child.kill()
    with engine.connect() as connection:
        stored = connection.execute(text("select count(*) from interactions")).scalar_one()
    assert committed <= stored < ROWS
    report = load([str(path)], database_url, LoadOptions(create_items=True))
    assert (report.load_no, report.resumed) == (1, True)
    # All that is of this load, whenever it was stored.
    assert (report.events_stored, report.events_repeated) == (ROWS, 0)
    with engine.connect() as connection:
        counted = text("select count(*), count(distinct event_id) from interactions")
        assert tuple(connection.execute(counted).one()) == (ROWS, ROWS)
