"""What the soak judges by, without a system."""

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def memory() -> ModuleType:
    return import_module("benchmarks.process_memory")


@pytest.fixture
def nights() -> ModuleType:
    return import_module("benchmarks.scheduled_nights")


@pytest.mark.parametrize(
    ("settled", "end", "too_much"),
    [(100.0, 109.0, False), (1000.0, 1040.0, False), (100.0, 111.0, True), (50.0, 40.0, False)],
)
def test_a_process_grows_too_much_by_more_than_5_percent_and_10_mib(
    memory: ModuleType, settled: float, end: float, *, too_much: bool
) -> None:
    samples = [
        memory.Sample(float(minute), {"api": 1}, {"api": memory.Memory(0.0, mib, 0.0, 0.0, 1.0)})
        for minute, mib in ((0, 1.0), (12, settled), (15, settled), (57, end), (60, end))
    ]
    growth = memory.growths(samples, 15.0, 5.0)["api"]
    assert (growth.settled.anonymous, growth.end.anonymous) == (settled, end)
    assert growth.too_much == too_much
    assert not growth.restarted


def test_a_process_that_was_started_again_is_reported(memory: ModuleType) -> None:
    memory_by_name = {"api": memory.Memory(0.0, 1.0, 0.0, 0.0, 1.0)}
    samples = [
        memory.Sample(minute, {"api": pid}, memory_by_name)
        for minute, pid in ((14.0, 1), (60.0, 2))
    ]
    assert memory.growths(samples, 15.0, 5.0)["api"].restarted


def test_the_memory_of_a_process_is_that_of_its_children_too(memory: ModuleType) -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        found = memory.measure(0.0, {"tests": os.getpid()}).memory["tests"]
        alone = memory.measure(0.0, {"supervisor": os.getpid()}).memory["supervisor"]
    finally:
        child.communicate(b"\n")
    assert found.processes >= alone.processes + 1
    assert alone.processes == 1
    assert found.pss > alone.anonymous > 1.0


def test_nights_are_due_at_multiples_of_the_interval_once_they_can_be_scheduled(
    nights: ModuleType, tmp_path: Path
) -> None:
    asked = nights.ScheduledNights("http://127.0.0.1:1", tmp_path)
    asked._minutes = 5
    asked._since = datetime(2026, 3, 1, 11, 54, 30, tzinfo=UTC)
    due = asked.due(asked._since + timedelta(minutes=20))
    assert [f"{time:%H:%M}" for time in due] == ["12:00", "12:05", "12:10"]


def run_benchmark(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks", *arguments]
    return subprocess.run(command, check=False, capture_output=True, text=True, cwd=ROOT)


def test_benchmarks_are_run_by_name_and_an_unknown_one_is_refused_with_those_there_are() -> None:
    unknown = run_benchmark("nothing")
    assert unknown.returncode == 2
    assert "soak" in unknown.stdout
    done = run_benchmark("soak", "--help")
    assert done.returncode == 0
    assert "--settle-minutes" in done.stdout
