"""The API as a process of its own, for tests that need a real one."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.serving.conftest import until


@contextmanager
def serving(log: Path, settings: dict[str, str]) -> "Iterator[subprocess.Popen[bytes]]":
    """Runs for the time of the block, then is told to stop and has ended."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "serving"],
            env={**os.environ, **settings},
            stdout=output,
            stderr=output,
        )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)


async def until_ready(client: httpx.AsyncClient) -> None:
    async def ready() -> bool:
        try:
            return (await client.get("/readyz")).status_code == 200
        except httpx.TransportError:
            return False

    await until(ready)
