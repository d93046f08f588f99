"""The API as a process of its own, for tests that need a real one."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from stack.local.ports import free_port
from tests.serving.conftest import until
from tests.serving.forked_api import ForkedApi
from tests.waiting import wait_until


@contextmanager
def serving(
    log: Path, settings: dict[str, str], code: Path | None = None
) -> "Iterator[subprocess.Popen[bytes]]":
    """Runs for the time of the block, then is told to stop and has ended.

    `code` is the folder with another version of the packages.
    """
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "serving"],
            cwd=code,
            env={**os.environ, **settings},
            stdout=output,
            stderr=output,
        )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)


@contextmanager
def forked(log: Path, settings: dict[str, str]) -> Iterator[ForkedApi]:
    """The same without the imports, of which one process of this name is enough for all tests."""
    process = ForkedApi(log, settings)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(60)


async def until_ready(client: httpx.AsyncClient) -> None:
    async def ready() -> bool:
        try:
            return (await client.get("/readyz")).status_code == 200
        except httpx.TransportError:
            return False

    await until(ready)


@dataclass
class RunningApi:
    """A server that answers, and what it says."""

    port: int
    log: Path
    process: "subprocess.Popen[bytes] | ForkedApi"

    def get(self, path: str, **headers: str) -> httpx.Response:
        """The answer on a connection of its own."""
        # Certificates take a while to load, and there are none.
        url = f"http://127.0.0.1:{self.port}{path}"
        return httpx.get(url, headers=headers, timeout=60, verify=False)

    def lines(self, event: str) -> list[dict[str, Any]]:
        records = (json.loads(line) for line in self.log.read_text().splitlines())
        return [line for line in records if line["event"] == event]

    def figures(self) -> dict[str, float]:
        """All samples of /metrics, by name and labels as they are written."""
        lines = self.get("/metrics").text.splitlines()
        pairs = (line.rpartition(" ") for line in lines if not line.startswith("#"))
        return {name: float(value) for name, _, value in pairs}


RunApi = Callable[..., RunningApi]


@contextmanager
def running_api(
    database_url: str,
    redis_url: str,
    log: Path,
    *,
    code: Path | None = None,
    started_anew: bool = False,
    **settings: object,
) -> Iterator[RunningApi]:
    """A server with settings by their names in lower case, one process unless told.

    `started_anew` by a Python of its own, as any other version of the code is.
    """
    # Time is short only where a test is about it: the machine may be busy.
    usual = {
        "api_port": free_port(),
        "api_workers": 1,
        "api_header_seconds": 600,
        "request_budget_seconds": 20,
        "postgres_silence_seconds": 20,
    }
    given = {f"TANDEM_{name.upper()}": str(value) for name, value in {**usual, **settings}.items()}
    variables = {**given, "DATABASE_URL": database_url, "REDIS_URL": redis_url}
    port = int(given["TANDEM_API_PORT"])
    is_forked = code is None and not started_anew
    start = forked(log, variables) if is_forked else serving(log, variables, code)
    with start as process:
        api = RunningApi(port, log, process)
        wait_until(lambda: _is_ready(api), seconds=300)
        yield api


@pytest.fixture
def run_api(database_url: str, redis_url: str, tmp_path: Path) -> Iterator[RunApi]:
    """Starts a server on the test's stores."""
    with ExitStack() as stack:

        def run(**settings: object) -> RunningApi:
            log = tmp_path / "api.log"
            return stack.enter_context(running_api(database_url, redis_url, log, **settings))

        yield run


def _is_ready(api: RunningApi) -> bool:
    assert api.process.poll() is None, api.log.read_text()
    with socket.socket() as asking:
        # While it only starts, a whole client each time would take the time that it needs.
        if asking.connect_ex(("127.0.0.1", api.port)):
            return False
    try:
        return api.get("/readyz").status_code == 200
    except httpx.TransportError:
        return False
