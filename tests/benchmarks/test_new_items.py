"""`tandem bench new-items`, with a small catalogue."""

import asyncio
from pathlib import Path

import psutil

from benchmarks.first_answers import NewItemsRun, Seconds


def test_medians_and_the_worst_are_reported() -> None:
    figures = Seconds([0.1, 0.3, 0.2], [0.01, 0.02, 0.03], [0.5, 0.5, 0.7]).described()
    assert figures == {
        "trials": 3,
        "candidates_seconds": 0.2,
        "candidates_worst_seconds": 0.3,
        "search_seconds": 0.02,
        "search_worst_seconds": 0.03,
        "similar_seconds": 0.5,
        "similar_worst_seconds": 0.7,
    }


def test_new_items_reach_lists_searches_and_their_like_and_no_process_is_left(
    short_folder: Path,
) -> None:
    home = short_folder / "new-items"
    home.mkdir(mode=0o755)
    lines: list[str] = []
    run = NewItemsRun(items=2_000, trials=2, seed=1, folder=home, report=lines.append)
    measured = asyncio.run(run.seconds())
    assert measured.described()["trials"] == 2
    assert lines[-1] == "2 new items, one after the other"
    assert [process for process in psutil.process_iter() if _works_in(process, str(home))] == []


def _works_in(process: psutil.Process, folder: str) -> bool:
    try:
        is_in_home = process.environ().get("TANDEM_HOME", "") == folder
        return is_in_home or process.cwd().startswith(folder)
    except psutil.Error:
        return False
