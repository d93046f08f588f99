"""The system under test: a home of its own, every store and process, and the first night."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.pool import NullPool

from domain.errors import StackError
from sql.engine import make_engine
from sql.migrate import migrate
from stack.api_key import create_key
from stack.local.environment import child_environment, prefect_environment
from stack.local.home import Home
from stack.local.ports import free_port
from stack.local.prefect_database import ensure_prefect_database
from stack.local.processes import (
    EmbeddedPostgres,
    EmbeddedRedis,
    api_service,
    prefect_server_service,
    speed_service,
)
from stack.local.roles import ensure_embedded_database
from stack.local.supervision.background import in_thread
from stack.local.supervision.service import Service
from stack.settings import StackSettings
from tests.chaos.client import Api
from tests.chaos.dataset import Dataset, make_dataset
from tests.chaos.fleet import Fleet
from tests.chaos.machines import Machines
from tests.chaos.options import ChaosOptions
from tests.chaos.store import keep_popular_versions
from tests.hosts.network import Host

WORKERS = 2
"""Of the API and of the speed layer, each."""
ROLLBACK_PROGRAM = "stack.cli.rollback"

_SMALL_NIGHTS = {
    "TANDEM_BATCH_FACTORS": "16",
    "TANDEM_BATCH_ITERATIONS": "5",
    "TANDEM_BATCH_LIVE_FACTORS": "16",
    "TANDEM_BATCH_LIST_LENGTH": "100",
    "TANDEM_BATCH_RETAINED_RUNS": "3",
}


@dataclass(frozen=True, slots=True)
class System:
    """What chaos is made in."""

    home: Home
    fleet: Fleet
    engine: Engine
    """The checker's own way into the store: no connection outlives a transaction."""
    dataset: Dataset
    api: Api
    nightly_environment: Mapping[str, str]
    deletes: bool
    """Whether the API offers to delete events and users."""
    rollbacks: bool
    """Whether there is a command to roll back with."""


async def start_system(
    folder: Path, fleet: Fleet, options: ChaosOptions, machines: Machines | None = None
) -> System:
    """Everything but the API and the speed workers, which wait for the first night."""
    home = Home(folder)
    home.make()
    settings = StackSettings(api_host="127.0.0.1")
    prefect_port = free_port()
    prefect = _with_bytecode(prefect_environment(home, f"http://127.0.0.1:{prefect_port}"))
    ensure_prefect_database(home.prefect)
    fleet.add(prefect_server_service(prefect, prefect_port), home.log("prefect-server"))
    await fleet.start("prefect-server")
    postgres, redis = EmbeddedPostgres(home, None), EmbeddedRedis(home)
    addresses = await _start_stores(home, fleet, postgres, redis, machines)
    await in_thread(partial(ensure_embedded_database, postgres.server))
    engine = make_engine(postgres.addresses().owner, poolclass=NullPool)
    await in_thread(partial(migrate, engine))
    with engine.begin() as connection:
        keep_popular_versions(connection)
    dataset = await in_thread(partial(make_dataset, engine, options))
    environment = child_environment(
        prefect,
        settings,
        home,
        database_url=postgres.addresses().app,
        redis_url=redis.url(),
    )
    ports, hosts = _add_workers(fleet, home, {**environment, **addresses}, machines)
    with engine.begin() as connection:
        key = create_key(connection, "chaos", ["read", "write", "users"])
    return System(
        home=home,
        fleet=fleet,
        engine=engine,
        dataset=dataset,
        api=Api(ports, key, hosts),
        nightly_environment={**environment, **_SMALL_NIGHTS},
        deletes=False,
        rollbacks=find_spec(ROLLBACK_PROGRAM) is not None,
    )


async def _start_stores(
    home: Home,
    fleet: Fleet,
    postgres: EmbeddedPostgres,
    redis: EmbeddedRedis,
    machines: Machines | None,
) -> Mapping[str, str]:
    """Where the workers find them, if that is not where everybody does."""
    services, host = [postgres.service(), redis.service()], None
    if machines is not None:
        host = machines.stores
        services = [machines.postgres(services[0], home.postgres), machines.redis(services[1])]
    for service in services:
        await _start(fleet, service, home, host)
    if machines is None:
        return {}
    pooler, pooled_url = machines.pooler(postgres, home.directory / "pooler")
    await _start(fleet, pooler, home, host)
    return machines.addresses(pooled_url)


async def _start(fleet: Fleet, service: Service, home: Home, host: Host | None) -> None:
    fleet.add(service, home.log(service.name), host)
    await fleet.start(service.name)
    await fleet.ready(service.name)


async def start_workers(system: System) -> System:
    """The API and the speed workers; what they offer is looked up."""
    names = [*system.fleet.names("speed"), *system.fleet.names("api")]
    for name in names:
        await system.fleet.start(name)
    for name in names:
        await system.fleet.ready(name)
    worker = system.api.workers[0]
    reply = await system.api.ask(worker, "GET", "/openapi.json", timeout_seconds=30.0)
    if not reply.body:
        raise StackError(f"{worker} does not tell what it offers: {reply.status}")
    paths = reply.body["paths"]
    offered = [path for path in paths if path.startswith("/v1/events/") and "delete" in paths[path]]
    return replace(system, deletes=bool(offered))


def rollback_command(run_id: int) -> list[str]:
    """The command line that rolls back to a run."""
    code = "from stack.cli import app; app()"
    return [sys.executable, "-c", code, "rollback", str(run_id)]


def _with_bytecode(environment: Mapping[str, str]) -> dict[str, str]:
    """Let Python keep its bytecode, as it does where nobody forbids it: a start takes a third."""
    return {name: value for name, value in environment.items() if name != "PYTHONDONTWRITEBYTECODE"}


def _add_workers(
    fleet: Fleet, home: Home, environment: Mapping[str, str], machines: Machines | None
) -> tuple[dict[str, int], dict[str, Host]]:
    """Take two API processes and two speed workers in; ports and machines of the former."""
    ports, hosts = dict[str, int](), dict[str, Host]()
    own_pace = {
        # Often, so that outages fall into refreshes of popular lists.
        "TANDEM_SPEED_POPULAR_SECONDS": "5",
        # Scores are compared with what each user's own log makes of them.
        "TANDEM_SPEED_TRANSITIONS_SECONDS": "0",
        # No API process reads at its start whom it may be asked for: the users' histories were
        # loaded in bulk, and only PostgreSQL and what the speed workers store know them.
        "TANDEM_EXCLUSION_CACHE_RECENT_USERS": "1",
    }
    shared = {**environment, **own_pace, "TANDEM_SPEED_SHARDS_PER_PASS": "4"}
    for number in range(1, WORKERS + 1):
        port = free_port()
        ports[f"api-{number}"] = port
        # What is killed and frozen is the process that answers, not one that would replace it.
        own = {**shared, "TANDEM_API_PORT": str(port), "TANDEM_API_WORKERS": "1"}
        services = (
            replace(api_service(own, f"http://127.0.0.1:{port}"), name=f"api-{number}"),
            replace(speed_service(own), name=f"speed-{number}"),
        )
        host = None
        if machines is not None:
            host = hosts[f"api-{number}"] = machines.workers[number - 1]
        for service in services:
            fleet.add(service, home.log(service.name), host)
    return ports, hosts
