"""The whole system, as `tandem up` starts it on an empty folder."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from stack.local.ports import free_port
from stack.local.supervision.state import StackState, find_state
from tests.conftest import ALONE
from tests.libpq_strangers import STRANGERS
from tests.recording_proxy import RecordingProxy, recording_proxy
from tests.waiting import wait_until

SMALL: dict[str, dict[str, float]] = {
    "nightly": {"factors": 64, "iterations": 5, "gate_margin": 1.0},
    "tune": {"budget_seconds": 1.0, "explored_trials": 1, "verified_trials": 1},
}
"""Parameters by flow that make a run short, and good enough to be published.

What is not named runs as it is.
"""
SMALL_NIGHTS = {
    "TANDEM_BATCH_FACTORS": "64",
    "TANDEM_BATCH_ITERATIONS": "5",
    "TANDEM_BATCH_CHOOSE": "false",
}
"""The same for every night of a system, the first one and that of `tandem nightly` too.

Nights of `tests/flows` choose; the first one of `tests/benchmarks/test_cold.py` has nothing set.
"""
OFTEN = {"PREFECT_WORKER_QUERY_SECONDS": "1"}
"""What is due begins soon after."""

SHARED = ExitStack()
"""Ends the system that tests of this folder share."""

TANDEM = str(Path(sys.executable).with_name("tandem"))


@dataclass(frozen=True, slots=True)
class System:
    """A running system and how to talk to it."""

    environment: dict[str, str]
    api: httpx.Client
    prefect: httpx.Client
    """Prefect's API, asked with the password."""
    home: Path
    output: Path
    """What `tandem up` has written; it is no terminal."""
    proxy: RecordingProxy
    """The proxy that the environment of all commands names."""
    up: subprocess.Popen[bytes]
    """The process of `tandem up`."""

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a `tandem` command to its end."""
        return subprocess.run(
            [TANDEM, *arguments],
            env=self.environment,
            check=False,
            capture_output=True,
            text=True,
            timeout=180,
        )

    def json(self, *arguments: str) -> Any:
        """What a `tandem` command with --json printed."""
        done = self.run(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    def recommendations(self, user_id: str, **parameters: object) -> dict[str, Any]:
        """One answer."""
        path = f"/v1/users/{user_id}/recommendations"
        response = self.api.get(path, params={"limit": 20, **parameters})
        assert response.status_code == 200, response.text
        return dict(response.json())

    def pid(self, name: str) -> int:
        """The number of a process of the system."""
        number = self.state().processes[name].pid
        assert number is not None
        return number

    def started_again(self, name: str, killed: int) -> bool:
        """Whether another process of this name is running and ready."""
        process = self.state().processes[name]
        return process.state == "running" and process.pid != killed

    def state(self) -> StackState:
        """What `tandem up` has written down; who waits for something asks no command each time."""
        state = find_state(self.home / "state.json")
        assert state is not None
        return state


@contextmanager
def running_system(
    home: Path, output: Path, proxy: RecordingProxy, **settings: str
) -> Iterator[System]:
    """`tandem up` in a home folder, until the end of the block; `settings` are variables.

    It is started, and every command is run, in the environment of somebody who has a proxy and
    PostgreSQL servers of their own.
    """
    environment = os.environ | {
        **proxy.environment,
        **STRANGERS,
        **OFTEN,
        "TANDEM_HOME": str(home),
        "TANDEM_API_PORT": str(free_port()),
        "TANDEM_PREFECT_PORT": str(free_port()),
        **settings,
    }
    for name in ("DATABASE_URL", "REDIS_URL", "TANDEM_STARTED_AT", "NO_PROXY", "no_proxy"):
        environment.pop(name, None)
    with output.open("ab") as written:
        up = subprocess.Popen([TANDEM, "up"], env=environment, stdout=written, stderr=written)
    api = httpx.Client(base_url=f"http://127.0.0.1:{environment['TANDEM_API_PORT']}")
    prefect_url = f"http://127.0.0.1:{environment['TANDEM_PREFECT_PORT']}/api"
    prefect = httpx.Client(base_url=prefect_url, timeout=120)
    started = System(environment, api, prefect, home, output, proxy, up)
    try:
        wait_until(lambda: _serves(started), seconds=500)
        prefect.auth = ("tandem", (home / "prefect.password").read_text())
        yield started
    finally:
        api.close()
        prefect.close()
        if up.poll() is None:
            up.send_signal(signal.SIGINT)
            assert up.wait(timeout=60) == 0


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """One system for all tests of this folder: sample loaded, first night run, a key made."""
    with SHARED:
        yield SHARED.enter_context(shared_system(tmp_path_factory.mktemp("up") / "output"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(nextitem: pytest.Item | None) -> Generator[None, object, object]:
    """End the system with the last test of those that share it: it would slow others down."""
    try:
        return (yield)
    finally:
        if nextitem is None or not _shares_the_system(nextitem):
            SHARED.close()


def _shares_the_system(item: pytest.Item) -> bool:
    file = item.nodeid.split("::", maxsplit=1)[0]
    return file.startswith("tests/end_to_end/") and file not in ALONE


@contextmanager
def shared_system(output: Path) -> Iterator[System]:
    with tempfile.TemporaryDirectory(prefix="tandem-") as home, recording_proxy() as proxy:
        with running_system(Path(home), output, proxy, **SMALL_NIGHTS) as started:
            arguments = ("--name", "end-to-end", "--scope", "read", "--scope", "write")
            started.api.headers["X-API-Key"] = started.json("key", "create", *arguments)["key"]
            yield started
        assert proxy.asked == []


def _serves(system: System) -> bool:
    assert system.up.poll() is None, system.output.read_text()
    try:
        if not system.api.get("/readyz").is_success:
            return False
    except httpx.TransportError:
        return False
    return system.state().first_recommendation_seconds is not None
