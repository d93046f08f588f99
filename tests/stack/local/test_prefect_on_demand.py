"""Prefect's server and worker, stopped while nobody needs them: in time again, and nothing lost.

The server is a stand-in that says what stands in a file; the socket, the processes and the
supervisor are real.
"""

import asyncio
import json
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from serving.console.kept_schedule import KeptSchedule, find_schedule
from serving.console.prefect_api import UNATTENDED, PrefectApi
from stack.local.on_demand.held_port import HeldPort
from stack.local.on_demand.prefect import Bounds, Files, PrefectOnDemand
from stack.local.on_demand.rest import Clocks, read_clocks
from stack.local.ports import free_port
from stack.local.servers.child_process import wait_for_answer
from stack.local.supervision.restarts import RestartPolicy
from stack.local.supervision.service import Launch, Service
from stack.local.supervision.state import ProcessEntry
from stack.local.supervision.supervisor import Supervisor
from tests.waiting import wait_until

STAND_IN = f"""
import json, signal, socket, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

folder, held = Path(sys.argv[1]), int(sys.argv[2])
if (folder / "broken").exists():
    sys.exit("no luck")


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.answer({{}})

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.headers["{UNATTENDED}"] is None:
            (folder / "asked").touch()
        world = json.loads((folder / "world.json").read_text())
        states = asked.get("flow_runs", {{}}).get("state", {{}}).get("type", {{}}).get("any_", [])
        if self.path == "/api/deployments/filter":
            self.answer(world["deployments"])
        elif self.path == "/api/flow_runs/filter":
            self.answer([run for run in world["runs"] if run["state_type"] in states])
        else:
            with (folder / "made").open("a") as made:
                made.write(self.path + "\\n")
            self.answer(None)

    def answer(self, body):
        text = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


def stop(*_):
    if (folder / "asked at the end").exists():
        (folder / "asked").touch()
    sys.exit()


signal.signal(signal.SIGTERM, stop)
server = ThreadingHTTPServer(("127.0.0.1", 0), Handler, bind_and_activate=False)
server.socket = socket.socket(fileno=held)
server.serve_forever()
"""
SLEEP = "import time; time.sleep(600)"
WITH_A_RUN = f"import subprocess, sys; subprocess.run([sys.executable, '-c', '{SLEEP}'])"
NOW = datetime(2026, 11, 30, tzinfo=UTC)


def silent(url: str) -> str | None:
    """Why it does not answer; shorter than in earnest, since a held port refuses nobody."""
    try:
        httpx.get(url, timeout=0.2, trust_env=False)
    except httpx.TransportError as error:
        return str(error)
    return None


def scheduled(due: datetime) -> dict[str, Any]:
    times = {"next_scheduled_start_time": due.isoformat(), "expected_start_time": due.isoformat()}
    return {"state_type": "SCHEDULED", **times}


def at_work() -> dict[str, Any]:
    began = datetime.now(UTC) + timedelta(hours=1)
    return {"state_type": "RUNNING", "state": {"timestamp": began.isoformat()}}


@dataclass(slots=True)
class Stage:
    """The folder of the stand-in, and what is said and reported."""

    folder: Path
    port: int
    lines: list[str] = field(default_factory=list)
    entries: dict[str, ProcessEntry] = field(default_factory=dict)

    def say(self, line: str) -> None:
        self.lines.append(line)

    def warn(self, line: str, details: list[str] | None = None) -> None:
        del details
        self.lines.append(line)

    def changed(self, entries: dict[str, ProcessEntry]) -> None:
        self.entries = dict(entries)

    def states(self) -> set[str]:
        return {entry.state for entry in self.entries.values()}

    def world(self, *runs: dict[str, Any]) -> None:
        """What the server says, from the next question on."""
        nightly = {
            "id": "of-nightly",
            "name": "nightly",
            "paused": False,
            "updated": NOW.isoformat(),
            "schedules": [{"active": True}],
        }
        draft = self.folder / "draft"
        draft.write_text(json.dumps({"deployments": [nightly], "runs": runs}))
        draft.replace(self.folder / "world.json")

    def looked(self) -> int:
        """How often the server was told to make the next runs."""
        made = self.folder / "made"
        return len(made.read_text().splitlines()) if made.exists() else 0

    async def until(self, condition: Callable[[], object]) -> None:
        await asyncio.to_thread(wait_until, condition)


@dataclass(slots=True)
class Play:
    """What is started when a test has set its stage."""

    stage: Stage
    supervisor: Supervisor
    port: HeldPort
    kept: asyncio.Task[None] | None = None

    async def begin(self, worker: str = SLEEP) -> None:
        """Start both, and keep them."""
        stage = self.stage
        files = Files(stage.folder / "asked", stage.folder / "rest.json")
        files.begin()
        url = f"http://127.0.0.1:{stage.port}"
        services = (self._server(f"{url}/api/health"), self._worker(worker))
        for service in services:
            await self.supervisor.start(service)
        bounds = Bounds(timedelta(seconds=1), 0.2, look_seconds=0.05, retry_seconds=0.05)
        prefect = PrefectApi(url, None)
        self.kept = asyncio.create_task(
            PrefectOnDemand(
                self.supervisor, stage, *services, self.port, prefect, files, bounds
            ).keep()
        )

    def _server(self, health: str) -> Service:
        command = [sys.executable, "-c", STAND_IN, str(self.stage.folder)]
        descriptor = self.port.descriptor

        def wait(process: subprocess.Popen[Any]) -> None:
            refusal = partial(silent, health)
            wait_for_answer("prefect-server", refusal, process, timeout_seconds=20, log=None)

        return Service(
            "prefect-server",
            lambda: Launch([*command, str(descriptor)], lambda: {"pass_fds": (descriptor,)}, wait),
        )

    def _worker(self, code: str) -> Service:
        command = [sys.executable, "-c", code]
        return Service("prefect-worker", lambda: Launch(command, dict, lambda _process: None))


@pytest.fixture
async def play(tmp_path: Path) -> AsyncIterator[Play]:
    stage = Stage(tmp_path, free_port())
    policy = RestartPolicy(limit=1, first_pause_seconds=0.01)
    supervisor = Supervisor(stage, lambda name: tmp_path / f"{name}.log", stage.changed, policy)
    port = HeldPort(stage.port)
    play = Play(stage, supervisor, port)
    yield play
    if play.kept is not None:
        play.kept.cancel()
        await asyncio.gather(play.kept, return_exceptions=True)
    supervisor.kill()
    await supervisor.stop()
    port.close()


async def test_both_rest_and_run_again_before_a_run_is_due(play: Play) -> None:
    stage, due = play.stage, datetime.now(UTC) + timedelta(seconds=6)
    stage.world(scheduled(due))
    await play.begin()
    await stage.until(lambda: stage.states() == {"resting"} and stage.lines)
    kept = find_schedule(stage.folder / "rest.json")
    assert kept is not None
    assert kept.until == due - timedelta(seconds=1)
    assert [(each.name, each.next_run_at) for each in kept.deployments] == [("nightly", due)]
    assert stage.looked() >= 1
    # Nobody asks; it is the time that has come.
    await stage.until(lambda: stage.states() == {"running"})
    assert stage.lines[1] == "Prefect is needed soon: it is started"
    assert not (stage.folder / "rest.json").exists()


async def test_it_is_started_when_the_clock_was_set_back(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = play.stage
    stage.world()
    await play.begin()
    await stage.until(lambda: stage.states() == {"resting"} and stage.lines)
    now = read_clocks()
    back = Clocks(now.wall - timedelta(days=3), now.since_boot)
    monkeypatch.setattr("stack.local.on_demand.prefect.read_clocks", lambda: back)
    await stage.until(lambda: "the clock was set back: it is started" in stage.lines)
    await stage.until(lambda: stage.states() == {"running"})


async def test_what_nobody_thought_of_keeps_prefect_up_and_ends_nothing(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = play.stage
    stage.world()
    frozen_when_noted: list[bool] = []

    def refuse(file: Path, _kept: KeptSchedule) -> None:
        file.touch()
        pid = stage.entries["prefect-worker"].pid
        frozen_when_noted.append(psutil.Process(pid).status() == psutil.STATUS_STOPPED)
        if len(frozen_when_noted) < 3:
            raise RuntimeError("can't start new thread")

    monkeypatch.setattr("stack.local.on_demand.prefect.store_schedule", refuse)
    await play.begin()
    await stage.until(lambda: len([each for each in stage.lines if "new thread" in each]) == 2)
    await stage.until(lambda: stage.states() == {"resting"})
    assert not any("it is started" in line for line in stage.lines)
    assert frozen_when_noted == [False, False, False, True], "who looks knows before it is frozen"


async def test_who_asks_while_it_rests_waits_and_is_answered(play: Play) -> None:
    stage = play.stage
    stage.world()
    await play.begin()
    await stage.until(lambda: stage.states() == {"resting"} and stage.lines)
    url = f"http://127.0.0.1:{stage.port}/api/deployments/filter"
    async with httpx.AsyncClient(trust_env=False, timeout=20) as client:
        answer = await client.post(url, json={})
    assert [each["name"] for each in answer.json()] == ["nightly"]
    assert "somebody asks Prefect: it is started" in stage.lines
    # And it rests again once nobody has asked for a while.
    await stage.until(lambda: stage.lines[-1].startswith("Prefect rests"))


@pytest.mark.parametrize(
    "run",
    [
        at_work,
        lambda: scheduled(datetime.now(UTC) - timedelta(hours=1)),
        lambda: scheduled(datetime.now(UTC) + timedelta(seconds=1)),
    ],
    ids=["at work", "overdue", "due soon"],
)
async def test_it_does_not_rest_while_there_is_something_to_do(
    play: Play, run: Callable[[], dict[str, Any]]
) -> None:
    stage = play.stage
    stage.world(run())
    await play.begin()
    await stage.until(lambda: stage.looked() > 3)
    assert stage.states() == {"running"}
    stage.world()
    await stage.until(lambda: stage.states() == {"resting"})


async def test_a_worker_with_a_process_of_a_run_is_not_stopped(play: Play) -> None:
    stage = play.stage
    stage.world()
    await play.begin(WITH_A_RUN)
    worker = psutil.Process(stage.entries["prefect-worker"].pid)
    await stage.until(worker.children)
    before = stage.looked()
    (child,) = worker.children()
    assert child.status() != psutil.STATUS_STOPPED
    assert stage.states() == {"running"}
    assert stage.looked() <= before + 1
    child.kill()


async def test_a_request_that_the_server_takes_while_it_is_stopped_wakes_it(play: Play) -> None:
    stage = play.stage
    stage.world()
    (stage.folder / "asked at the end").touch()
    await play.begin()
    asked = "somebody asked Prefect while it stopped: it is started"
    await stage.until(lambda: asked in stage.lines)
    assert not any(line.startswith("Prefect rests") for line in stage.lines)
    (stage.folder / "asked at the end").unlink()
    await stage.until(lambda: stage.lines[-1].startswith("Prefect rests"))


async def test_a_start_that_fails_is_tried_again_until_it_does_not(play: Play) -> None:
    stage = play.stage
    stage.world()
    await play.begin()
    await stage.until(lambda: stage.states() == {"resting"} and stage.lines)
    broken = stage.folder / "broken"
    broken.touch()
    stage.world(scheduled(datetime.now(UTC) - timedelta(hours=1)))
    with socket.create_connection(("127.0.0.1", stage.port)):
        await stage.until(
            lambda: len([line for line in stage.lines if "does not start" in line]) > 1
        )
        broken.unlink()
        await stage.until(lambda: stage.states() == {"running"})


async def test_a_server_that_was_given_up_is_started_again(play: Play) -> None:
    stage = play.stage
    stage.world(scheduled(datetime.now(UTC)))
    await play.begin()
    broken = stage.folder / "broken"
    broken.touch()
    psutil.Process(stage.entries["prefect-server"].pid).kill()
    await stage.until(lambda: any("does not start" in line for line in stage.lines))
    broken.unlink()
    await stage.until(lambda: stage.states() == {"running"})
