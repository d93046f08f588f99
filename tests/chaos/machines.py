"""The system on three machines: the stores with PgBouncer on one, API and speed workers on two."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from domain.errors import StackError
from sql.role_names import APP
from stack.local.embedded_database import DATABASE
from stack.local.ports import free_port
from stack.local.processes import EmbeddedPostgres
from stack.local.supervision.service import Launch, Service
from tests.hosts.network import Host, network
from tests.hosts.stores import EVERYBODY, REDIS_PORT
from tests.pooler import Pooler, pooler_program

POOLER = "pooler"
_SESSIONS = 20
"""Of the pooler with PostgreSQL."""


@dataclass(frozen=True, slots=True)
class Machines:
    """Where what runs; nights, the checker and the load itself are on none of them."""

    stores: Host
    workers: Sequence[Host]
    """One has an API process and a speed worker."""

    def postgres(self, service: Service, folder: Path) -> Service:
        """PostgreSQL that listens to the network too; its data lie in the folder."""

        def prepare() -> Launch:
            launch = service.prepare()
            access = folder / "pg_hba.conf"
            if EVERYBODY not in access.read_text():
                with access.open("a") as lines:
                    lines.write(EVERYBODY)
            return replace(launch, command=[*launch.command, "-c", "listen_addresses=*"])

        return replace(service, prepare=prepare)

    def redis(self, service: Service) -> Service:
        """The same of Redis."""
        listening = ["--bind", self.stores.address, "--port", str(REDIS_PORT)]

        def prepare() -> Launch:
            launch = service.prepare()
            return replace(launch, command=[*launch.command, *listening, "--protected-mode", "no"])

        return replace(service, prepare=prepare)

    def pooler(self, postgres: EmbeddedPostgres, folder: Path) -> tuple[Service, str]:
        """A pooler before PostgreSQL, which has been started, and the database's address there."""
        folder.mkdir()
        server = postgres.server
        pooler = Pooler(
            pooler_program(), folder, server, _SESSIONS, self.stores.address, free_port()
        )

        def prepare() -> Launch:
            command = pooler.prepare()
            return Launch(command, pooler.popen_options, pooler.wait_until_ready)

        return Service(POOLER, prepare), pooler.url(self._database_url())

    def addresses(self, pooled_url: str) -> Mapping[str, str]:
        """Variables of the workers: the stores over the network."""
        return {
            "DATABASE_URL": self._database_url(),
            "POOLED_DATABASE_URL": pooled_url,
            "REDIS_URL": f"redis://{self.stores.address}:{REDIS_PORT}/0",
        }

    def _database_url(self) -> str:
        return f"postgresql://{APP}@{self.stores.address}:5432/{DATABASE}"


@contextmanager
def machines(workers: int) -> Iterator[Machines]:
    """For the time of the block; StackError, saying what is missing, where they cannot be made."""
    names = [f"worker{number}" for number in range(1, workers + 1)]
    making = network("stores", *names)
    try:
        stores, *others = making.__enter__()
    except OSError as error:
        raise StackError(
            "Machines are namespaces of the network of Linux, made by root with `ip` (iproute2)."
            f" They cannot be made: {error}"
        ) from error
    try:
        yield Machines(stores, others)
    finally:
        making.__exit__(None, None, None)
