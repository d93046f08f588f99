"""The supervisor, with real processes: kept alive, given up, stopped in order."""

import asyncio
import errno
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from stack.local.servers.child_process import ServerNotReadyError
from stack.local.supervision.log_file import LARGEST_LOG_BYTES
from stack.local.supervision.restarts import RestartHistory, RestartPolicy
from stack.local.supervision.service import Launch, Service
from stack.local.supervision.state import ProcessEntry
from stack.local.supervision.supervisor import ServiceFailedError, Supervisor
from tests.waiting import wait_until

WAIT_SECONDS = 20
SLEEP = "import time; time.sleep(600)"
QUICKLY = RestartPolicy(limit=2, first_pause_seconds=0.01)


class Stage:
    """Hears what the supervisor says and keeps what it reports."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lines: list[str] = []
        self.details: list[str] = []
        self.entries: dict[str, ProcessEntry] = {}
        self.full = False

    def say(self, line: str) -> None:
        self.lines.append(line)

    def warn(self, line: str, details: list[str] | None = None) -> None:
        self.lines.append(line)
        self.details.extend(details or [])

    def supervisor(self, policy: RestartPolicy = QUICKLY) -> Supervisor:
        return Supervisor(self, lambda name: self.folder / f"{name}.log", self._changed, policy)

    def pid(self, name: str) -> int:
        pid = self.entries[name].pid
        assert pid is not None
        return pid

    def _changed(self, entries: dict[str, ProcessEntry]) -> None:
        if self.full:
            raise OSError(errno.ENOSPC, "No space left on device")
        self.entries = dict(entries)


def at_once(_process: subprocess.Popen[Any]) -> None:
    return


def python(
    name: str, code: str, wait: Callable[[subprocess.Popen[Any]], None] = at_once
) -> Service:
    command = [sys.executable, "-c", code]
    return Service(name, lambda: Launch(command, dict, wait))


async def until(condition: Callable[[], bool]) -> None:
    await asyncio.to_thread(wait_until, condition, seconds=WAIT_SECONDS)


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


@pytest.fixture
async def supervisor(stage: Stage) -> AsyncIterator[Supervisor]:
    supervisor = stage.supervisor()
    yield supervisor
    supervisor.kill()
    await supervisor.stop()


async def test_a_killed_process_is_started_again_and_that_is_said(
    supervisor: Supervisor, stage: Stage
) -> None:
    await supervisor.start(python("speed", SLEEP))
    first = stage.pid("speed")
    os.kill(first, signal.SIGKILL)
    await until(lambda: stage.entries["speed"].state == "running" and stage.pid("speed") != first)
    assert stage.lines == [
        "speed was ended by SIGKILL; started again in 0.01 s (1 of 2)",
        f"speed runs again (pid {stage.pid('speed')})",
    ]


async def test_a_process_that_keeps_ending_is_given_up_with_the_end_of_its_log(
    supervisor: Supervisor, stage: Stage
) -> None:
    await supervisor.start(python("api", "print('no luck', flush=True); raise SystemExit(3)"))
    await until(lambda: stage.entries["api"].state == "failed")
    endings = [line for line in stage.lines if "ended with code 3" in line]
    assert endings == [
        "api ended with code 3; started again in 0.01 s (1 of 2)",
        "api ended with code 3; started again in 0.02 s (2 of 2)",
        "api ended with code 3",
    ]
    assert stage.lines[-1] == "api is not started again: it ended too often."
    assert stage.details[-1] == "no luck"


async def test_the_others_go_on_when_one_is_given_up(supervisor: Supervisor, stage: Stage) -> None:
    await supervisor.start(python("speed", SLEEP))
    await supervisor.start(python("api", "raise SystemExit(3)"))
    await until(lambda: stage.entries["api"].state == "failed")
    assert stage.entries["speed"].is_alive()


async def test_a_process_that_never_answers_fails_the_start_with_its_log(
    supervisor: Supervisor, stage: Stage
) -> None:
    def never(process: subprocess.Popen[Any]) -> None:
        process.wait(WAIT_SECONDS)
        raise ServerNotReadyError("api ended with code 1 before it answered")

    with pytest.raises(ServiceFailedError, match=r"(?s)ended too often.*out of luck"):
        await supervisor.start(python("api", "raise SystemExit('out of luck')", never))
    assert stage.entries["api"].state == "failed"


async def test_what_cannot_be_prepared_fails_at_once(supervisor: Supervisor, stage: Stage) -> None:
    with pytest.raises(ServiceFailedError, match="postgres cannot be started: another version"):
        await supervisor.start(Service("postgres", _refuse))
    assert stage.entries["postgres"].state == "failed"


async def test_processes_stop_in_reverse_order(stage: Stage) -> None:
    supervisor = stage.supervisor()
    names = ["postgres", "redis", "api"]
    for name in names:
        await supervisor.start(python(name, SLEEP))
    pids = [stage.pid(name) for name in names]
    await supervisor.stop()
    assert stage.lines == ["api stopped", "redis stopped", "postgres stopped"]
    assert {entry.state for entry in stage.entries.values()} == {"stopped"}
    assert not any(psutil.pid_exists(pid) for pid in pids)


async def test_a_process_that_ignores_signals_is_killed(stage: Stage) -> None:
    ignoring_signals = (
        "import signal; signal.signal(15, signal.SIG_IGN); print('deaf', flush=True);" + SLEEP
    )
    service = python("api", ignoring_signals)
    supervisor = stage.supervisor()
    await supervisor.start(
        Service("api", service.prepare, shutdown=((signal.SIGTERM, 0.2),)),
    )
    await until(lambda: "deaf" in (stage.folder / "api.log").read_text())
    pid = stage.pid("api")
    await supervisor.stop()
    assert not psutil.pid_exists(pid)


def test_restarts_are_counted_within_the_window_only_and_pauses_grow() -> None:
    policy = RestartPolicy(
        limit=3, window_seconds=60, first_pause_seconds=1, longest_pause_seconds=3
    )
    history = RestartHistory(policy)
    assert [history.next_pause(now) for now in (0, 1, 2, 3)] == [1, 2, 3, None]
    assert history.next_pause(61.5) is not None


async def test_what_dies_while_everything_is_killed_is_not_started_again(stage: Stage) -> None:
    supervisor = stage.supervisor()
    for name in ("postgres", "api"):
        await supervisor.start(python(name, SLEEP))
    pids = [stage.pid(name) for name in ("postgres", "api")]
    supervisor.kill()
    await supervisor.stop()
    assert {entry.state for entry in stage.entries.values()} == {"stopped"}
    assert not any("started again" in line for line in stage.lines)
    assert not any(psutil.pid_exists(pid) for pid in pids)


async def test_a_process_that_writes_without_end_does_not_fill_the_disk(
    supervisor: Supervisor, stage: Stage
) -> None:
    code = f"import time; print('x' * {LARGEST_LOG_BYTES + 1}, flush=True); time.sleep(600)"
    await supervisor.start(python("speed", code))
    keeping = asyncio.create_task(supervisor.keep_logs_bounded(seconds=0.01))
    aside = stage.folder / "speed.log.1"
    log = stage.folder / "speed.log"
    await until(lambda: aside.exists() and log.stat().st_size <= 1)
    keeping.cancel()


async def test_a_thread_that_is_not_to_be_had_ends_no_stack(
    supervisor: Supervisor, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = 0

    def refuse(_log: Path) -> bool:
        nonlocal tried
        tried += 1
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr("stack.local.supervision.supervisor.put_aside", refuse)
    await supervisor.start(python("speed", SLEEP))
    keeping = asyncio.create_task(supervisor.keep_logs_bounded(seconds=0.01))
    await until(lambda: tried > 1 or keeping.done())
    assert not keeping.done()
    keeping.cancel()


async def test_a_full_disk_keeps_nobody_from_starting_what_ended(
    supervisor: Supervisor, stage: Stage
) -> None:
    supervisor.again_seconds = 0.01
    stage.full = True
    with pytest.raises(ServiceFailedError, match="cannot be started: another version"):
        await supervisor.start(Service("postgres", _refuse))
    await supervisor.start(python("api", SLEEP))
    first = supervisor.entry("api")
    assert first is not None
    assert first.pid is not None
    os.kill(first.pid, signal.SIGKILL)
    await until(lambda: any("api runs again" in line for line in stage.lines))
    assert stage.entries == {}
    stage.full = False
    await until(
        lambda: (
            {name: each.state for name, each in stage.entries.items()}
            == {"postgres": "failed", "api": "running"}
        )
    )
    assert len([line for line in stage.lines if "No space left" in line]) == 1


async def test_what_cannot_be_put_to_rest_does_not_run_untended(
    supervisor: Supervisor, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    await supervisor.start(python("speed", SLEEP))
    entry = stage.entries["speed"]
    with monkeypatch.context() as without_threads:
        without_threads.setattr("stack.local.supervision.supervisor.stop_child", _refuse)
        with pytest.raises(RuntimeError, match="another version"):
            await supervisor.rest("speed")
    await until(lambda: not entry.is_alive())
    assert stage.entries["speed"].state == "failed"
    await supervisor.start(python("speed", SLEEP))
    assert stage.entries["speed"].state == "running"


def _refuse(*_: Any) -> Launch:
    raise RuntimeError("another version")
