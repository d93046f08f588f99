"""What a start says of what failed."""

import asyncio
import errno
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Any

import psutil
import pytest
from rich.console import Console
from sqlalchemy import Engine

from stack.local.flow_runs import nightly_flow
from stack.local.home import Home
from stack.local.starting import startup
from stack.local.starting.addresses import print_addresses
from stack.local.starting.first_night import first_night
from stack.local.starting.prefect_processes import PrefectProcesses
from stack.local.starting.start import Start
from stack.local.starting.welcome import FirstRecommendation, Welcome
from stack.local.supervision.state import StackState
from stack.settings import StackSettings
from stack.terminal import Terminal
from tests.events import event, record
from tests.waiting import wait_until

REFUSED_RUN = """
import os, psycopg
with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
    connection.execute(
        "insert into model_runs (state, cut_off_position, cut_off_at, metrics, reason)"
        " values ('refused', 1, now(), '{}', 'worse than popularity')"
    )
"""


PUBLISHED_RUN = """
import json, os, pathlib, sys, time, psycopg
sys.stdin.readline()
with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
    connection.execute(
        "insert into model_runs (state, cut_off_position, cut_off_at, metrics, finished_at)"
        " values ('published', 1, now(), '{}', now())"
    )
print(json.dumps({"step": "Promote", "seconds": 0.1}), flush=True)
while not pathlib.Path(os.environ["FREED"]).exists():
    time.sleep(0.01)
pathlib.Path(os.environ["ENDED"]).touch()
"""
ENDS_WHILE_IT_WAITS = """
import os, pathlib, sys
died = pathlib.Path(os.environ["DIED"])
if not died.exists():
    died.write_text(str(os.getpid()))
    sys.exit(9)
"""
FAILS_AT_THE_END = "import sys; sys.exit(9)"
WAITING = """
import os, pathlib, sys
pathlib.Path(os.environ["WAITING"]).write_text(str(os.getpid()))
sys.stdin.readline()
"""


class Supervisor:
    """Starts nothing and keeps the names."""

    def __init__(self) -> None:
        self.started: list[str] = []

    async def start(self, service: Any) -> None:
        self.started.append(service.name)


class Watched(StringIO):
    """A terminal that somebody looks at."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def events(
    engine: Engine, database_url: str, film_nos: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Something to learn from, in the database that children are told of."""
    with engine.begin() as connection:
        record(connection, [event("ann", film_nos[0])])
    monkeypatch.setenv("DATABASE_URL", database_url)


def has_ended(written_down: Path) -> bool:
    """Whether a process that writes down its number came and is gone."""
    number = written_down.read_text() if written_down.exists() else ""
    return bool(number) and not psutil.pid_exists(int(number))


def freed_in(folder: Path) -> dict[str, str]:
    """Variables of a published run that need not wait to end."""
    freed = folder / "freed"
    freed.touch()
    return {"FREED": str(freed), "ENDED": str(folder / "ended")}


def start_in(folder: Path) -> tuple[Start, StringIO]:
    """A start with a home of its own, and what it writes."""
    home, written = Home(folder), StringIO()
    home.make()
    terminal = Terminal(Console(file=written, highlight=False, soft_wrap=True, width=200))
    nothing: Any = None
    supervisor: Any = Supervisor()
    settings = StackSettings()
    helper, prefect = ThreadPoolExecutor(1), PrefectProcesses(settings, home)
    return Start(
        settings, home, terminal, supervisor, nothing, False, 0.0, helper, prefect
    ), written


async def test_a_schedule_that_is_not_registered_is_marked_as_failed_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start, written = start_in(tmp_path)
    failing = ["-c", "import sys; sys.exit('the server said no')"]
    monkeypatch.setattr(startup, "DEPLOYMENTS", failing)
    await startup._schedule(start, dict(os.environ))
    first, *rest = written.getvalue().splitlines()
    assert first.startswith("✗ schedules: not registered")
    output = "\n".join(rest)
    assert "Nothing runs by itself. Mend what the log says, then: tandem down, tandem up" in output
    assert "the server said no" in output
    assert "✓ prefect-worker" in output


async def test_schedules_that_are_registered_are_marked_as_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start, written = start_in(tmp_path)
    monkeypatch.setattr(startup, "DEPLOYMENTS", ["-c", "pass"])
    await startup._schedule(start, dict(os.environ))
    assert [line[:11] for line in written.getvalue().splitlines()] == ["✓ schedules", "✓ prefect-w"]


@pytest.mark.parametrize(
    ("program", "first", "reason"),
    [
        (
            f"print({json.dumps(json.dumps({'error': 'X', 'message': 'no room is left'}))})",
            "✗ first night: there was none",
            "no room is left",
        ),
        (REFUSED_RUN, "✗ first night: run 1 refused", "worse than popularity"),
    ],
)
@pytest.mark.usefixtures("events")
async def test_a_first_night_that_publishes_nothing_is_marked_as_failed_with_the_reason(
    tmp_path: Path,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
    *,
    program: str,
    first: str,
    reason: str,
) -> None:
    start, written = start_in(tmp_path)
    monkeypatch.setattr(nightly_flow, "PROGRAM", ["-c", program])
    async with first_night(start, database_url, dict(os.environ)) as night:
        await night.run()
    output = written.getvalue()
    assert output.startswith(first)
    assert "✓" not in output
    assert f"! Popular items are served until a night is published. {reason}" in output


@pytest.mark.usefixtures("events")
async def test_a_first_night_is_over_for_a_start_once_its_run_is_served(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    start, written = start_in(tmp_path)
    monkeypatch.setattr(nightly_flow, "PROGRAM", ["-c", PUBLISHED_RUN])
    freed, ended = tmp_path / "freed", tmp_path / "ended"
    variables = {**os.environ, "FREED": str(freed), "ENDED": str(ended)}
    async with first_night(start, database_url, variables) as night:
        await night.run()
        assert written.getvalue().startswith("✓ first night: run 1 published")
        freed.touch()
        await night.end()
        assert ended.exists()


@pytest.mark.usefixtures("events")
async def test_a_prepared_process_that_dies_while_the_data_comes_in_has_a_successor(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    start, written = start_in(tmp_path)
    monkeypatch.setattr(nightly_flow, "PROGRAM", ["-c", ENDS_WHILE_IT_WAITS + PUBLISHED_RUN])
    died = tmp_path / "died"
    variables = freed_in(tmp_path) | {"DIED": str(died)}
    async with first_night(start, database_url, os.environ | variables) as night:
        night.prepare()
        await asyncio.to_thread(partial(wait_until, lambda: has_ended(died)))
        await night.run()
        await night.end()
    assert written.getvalue().startswith("✓ first night: run 1 published")
    assert "failed" not in written.getvalue()


@pytest.mark.usefixtures("events")
async def test_a_night_that_fails_once_its_run_is_served_says_so(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    start, written = start_in(tmp_path)
    monkeypatch.setattr(nightly_flow, "PROGRAM", ["-c", PUBLISHED_RUN + FAILS_AT_THE_END])
    async with first_night(start, database_url, os.environ | freed_in(tmp_path)) as night:
        await night.run()
        await night.end()
    assert "! The first night is served, but what follows it failed: see" in written.getvalue()


async def test_a_first_night_that_was_prepared_and_is_not_needed_leaves_no_process(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    start, written = start_in(tmp_path)
    monkeypatch.setattr(nightly_flow, "PROGRAM", ["-c", WAITING])
    waiting = tmp_path / "waiting"
    async with first_night(start, database_url, {**os.environ, "WAITING": str(waiting)}) as night:
        night.prepare()
        written_down = partial(wait_until, lambda: waiting.exists() and waiting.read_text())
        await asyncio.to_thread(written_down)
        await night.run()
        await night.end()
    assert "There are no events to learn from yet" in written.getvalue()
    assert not psutil.pid_exists(int(waiting.read_text()))


def test_the_process_of_a_night_that_nobody_begins_runs_none() -> None:
    command = [sys.executable, *nightly_flow.PROGRAM, nightly_flow.WHEN_NOTIFIED]
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, check=False, text=True
    )
    assert (done.returncode, done.stdout) == (1, "")


@pytest.mark.parametrize(("written", "watched"), [(Watched(), True), (StringIO(), False)])
def test_a_new_key_is_shown_on_a_terminal_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, written: StringIO, watched: bool
) -> None:
    # What asks for colours in a journal does not make it a terminal.
    monkeypatch.setenv("FORCE_COLOR", "1")
    terminal = Terminal(Console(file=written, highlight=False, soft_wrap=True, width=300))
    given = FirstRecommendation("ann", ["One"], "http://api/v1/users/ann/recommendations")
    link = "/sign-in#invitation=secret-link"
    welcome = Welcome("secret-key", True, given, 1.0, link)
    state = StackState("http://api", "http://prefect", "", "redis://:redis-password@host:6379/0")
    print_addresses(terminal, state, Home(tmp_path), welcome)
    output = written.getvalue()
    assert ("secret-key" in output) == watched
    assert ("http://api/sign-in#invitation=secret-link" in output) == watched
    assert (f"{tmp_path}/first_key" in output) != watched
    assert f"{tmp_path}/prefect.password" in output
    assert "redis://:***@host:6379/0" in output


def test_a_log_on_a_full_disk_ends_nothing() -> None:
    class Full(StringIO):
        def write(self, _text: str) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    Terminal(Console(file=Full())).warn("api ended with code 3", ["the end of its log"])
