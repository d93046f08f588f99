"""Chaos: one real run of it, in which everything is killed once."""

from pathlib import Path

import psutil
import pytest
import uvloop

from tests.chaos.options import ChaosOptions
from tests.chaos.report import Figures
from tests.chaos.run import ChaosRun
from tests.chaos.schedule import KILLED

LISTS_FOR_EVERYBODY = 9
"""Those a run has from the beginning; each further version is a refresh."""


@pytest.fixture(scope="module")
def figures(short_folder: Path) -> Figures:
    options = ChaosOptions(
        seconds=20.0, seed=7, reads_per_second=10.0, events_per_second=6.0, users=300, items=200
    )
    home = short_folder / "chaos"
    home.mkdir(mode=0o755)
    chaos = ChaosRun(options, home, home / "violations.jsonl", lambda _line: None)
    return uvloop.run(chaos.figures())


def test_every_kind_of_process_was_killed_once(figures: Figures) -> None:
    assert figures["kills_by_kind"] == dict.fromkeys(KILLED, 1)


@pytest.mark.parametrize(
    "promise",
    [
        "lost",
        "interests_lost",
        "duplicated",
        "mixed_version_answers",
        "reads_5xx",
        "seen_item_shown",
        "effects_wrong",
        "undone_effects_wrong",
    ],
)
def test_whatever_is_killed_the_promise_holds(figures: Figures, promise: str) -> None:
    assert figures[promise] == 0


def test_whatever_is_killed_answers_are_what_was_asked_for(figures: Figures) -> None:
    # How long a busy machine takes says nothing here.
    slow = {"not recovered", "read unanswered", "no settled list"}
    assert {kind for kind, count in figures["violations_by_kind"].items() if count} <= slow


def test_the_load_went_on_and_was_checked(figures: Figures) -> None:
    assert figures["reads"] > 50
    assert figures["acknowledged"] > 20
    assert figures["versions_checked"] > 50
    assert figures["vectors_checked"] > 10
    assert figures["interests_checked"] > 3
    assert figures["final_lists_checked"] > 10


def test_everything_an_app_can_ask_for_was_asked_for_and_compared(figures: Figures) -> None:
    assert set(figures["reads_by_endpoint"]) == {
        "recommendations", "popular", "trending", "latest", "starter", "similar", "search",
    }  # fmt: skip
    assert figures["interests_stated"] > 3
    assert figures["popular_versions"] > figures["runs_published"] * LISTS_FOR_EVERYBODY


def test_no_process_is_left(figures: Figures, short_folder: Path) -> None:
    assert processes_of(short_folder / "chaos") == []


def test_an_interrupted_run_leaves_no_process(short_folder: Path) -> None:
    home = short_folder / "interrupted"
    home.mkdir(mode=0o755)

    class StopError(Exception):
        pass

    def report(line: str) -> None:
        if line == "the first night":
            raise StopError

    chaos = ChaosRun(ChaosOptions(users=60, items=50), home, home / "violations.jsonl", report)
    with pytest.raises(StopError):
        uvloop.run(chaos.figures())
    assert processes_of(home) == []


def processes_of(home: Path) -> list[psutil.Process]:
    """What works in the folder or was told of it."""
    return [process for process in psutil.process_iter() if _belongs_to(process, str(home))]


def _belongs_to(process: psutil.Process, home: str) -> bool:
    try:
        is_in_home = process.environ().get("TANDEM_HOME", "") == home
        return is_in_home or process.cwd().startswith(home)
    except psutil.Error:
        return False
