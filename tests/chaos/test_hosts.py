"""Chaos on three machines: one with the stores and PgBouncer, two with an API and a worker each."""

from pathlib import Path

import pytest
import uvloop

from domain.errors import StackError
from tests.chaos.machines import machines
from tests.chaos.options import ChaosOptions
from tests.chaos.report import Figures
from tests.chaos.run import ChaosRun
from tests.chaos.schedule import KILLED
from tests.missing import skip_without
from tests.pooler import pooler_program

OF_THE_CLOCK = {"not recovered", "read unanswered", "no settled list"}
"""How long a busy machine takes says nothing here."""


@pytest.fixture(scope="module")
def figures(short_folder: Path) -> Figures:
    pooler_program()
    try:
        with machines(1):
            pass
    except StackError as error:
        skip_without(str(error), "NAMESPACES_NEEDED")
    options = ChaosOptions(
        seconds=20.0,
        seed=3,
        reads_per_second=8.0,
        events_per_second=5.0,
        users=300,
        items=200,
        hosts=True,
    )
    home = short_folder / "chaos-hosts"
    home.mkdir(mode=0o755)
    chaos = ChaosRun(options, home, home / "violations.jsonl", lambda _line: None)
    return uvloop.run(chaos.figures())


def test_everything_was_killed_the_pooler_too_and_a_machine_was_cut_off(figures: Figures) -> None:
    assert figures["kills_by_kind"] == dict.fromkeys((*KILLED, "pooler"), 1)
    assert figures["pauses_by_kind"]["host cut off"] == 1


def test_whatever_is_killed_or_cut_off_the_promises_hold(figures: Figures) -> None:
    broken = {kind: count for kind, count in figures["violations_by_kind"].items() if count}
    assert not broken.keys() - OF_THE_CLOCK, broken


def test_it_was_enough_to_tell(figures: Figures) -> None:
    assert figures["reads"] > 50
    assert figures["acknowledged"] > 20
    assert figures["vectors_checked"] > 10
    assert figures["final_lists_checked"] > 10
