"""A store on one machine, and two others that use it."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from sql.engine import make_engine
from sql.role_names import OWNER
from stack.local.embedded_database import DATABASE
from tests import tables
from tests.hosts.network import Host, network
from tests.hosts.stores import Store, entered_on, running_store
from tests.missing import skip_without
from tests.serving.process import RunningApi, running_api


@pytest.fixture(scope="module")
def hosts() -> Iterator[list[Host]]:
    """The store's machine and the two that use it; skipped where they cannot be made."""
    with ExitStack() as stack:
        try:
            hosts = stack.enter_context(network("store", "a", "b"))
        except OSError as error:
            missing = f"namespaces of the network cannot be made: {error}"
            skip_without(missing, "NAMESPACES_NEEDED")
        yield hosts


@pytest.fixture(scope="module")
def store(hosts: list[Host], short_folder: Path) -> Iterator[Store]:
    """A migrated store on the first machine."""
    with running_store(hosts[0], short_folder / "hosts") as store:
        owner = make_engine(store.pooler.server.url(DATABASE, OWNER))
        tables.reflect(owner)
        owner.dispose()
        yield store


@dataclass(frozen=True)
class Machine:
    """One with an API and a speed worker."""

    host: Host
    api: RunningApi

    def get(self, path: str, key: str) -> httpx.Response:
        """The answer to a program on the same machine."""
        return self.host.do(self.api.get, path, **{"X-API-Key": key})

    def send(self, key: str, *events: dict[str, Any]) -> httpx.Response:
        """The same of an event."""
        url = f"http://127.0.0.1:{self.api.port}/v1/events"
        return self.host.do(
            httpx.post, url, json={"events": list(events)}, headers={"X-API-Key": key}, timeout=60
        )


@contextmanager
def machine(store: Store, host: Host, folder: Path, *, pooled: bool) -> Iterator[Machine]:
    """A machine for the time of the block; both programs end as they are told."""
    with ExitStack() as stack:
        environment = stack.enter_context(pytest.MonkeyPatch.context())
        if pooled:
            environment.setenv("POOLED_DATABASE_URL", store.pooled_url)
        # What is forked would be on the machine of the process that it is forked from.
        log = folder / f"{host.name}-api.log"
        running = running_api(store.database_url, store.redis_url, log, started_anew=True)
        api = entered_on(stack, host, running)
        environment.setenv("DATABASE_URL", store.database_url)
        environment.setenv("REDIS_URL", store.redis_url)
        environment.setenv("TANDEM_SPEED_SHARDS_PER_PASS", "4")
        speed_log = stack.enter_context((folder / f"{host.name}-speed.log").open("wb"))
        worker = host.do(subprocess.Popen, [sys.executable, "-m", "speed"], stderr=speed_log)
        stack.callback(worker.wait, 60)
        stack.callback(worker.terminate)
        yield Machine(host, api)
