"""Requests a second through PgBouncer in transaction mode, beside those without it.

A system of its own with a night's lists and two more API processes on its database: one goes
straight to PostgreSQL, the other through a pooler. Both are asked the same in turn: lists that are
not looked for in the cache, and single events.
"""

import tempfile
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated

import httpx
import orjson
import typer
from sqlalchemy import make_url

from benchmarks.closed_loop import get_requests, post_requests, requests_a_second
from benchmarks.command import run_command
from benchmarks.read_system import process_of
from benchmarks.rounds import Rates, report_rounds
from benchmarks.soak_system import RunningSystem, running_system
from domain.errors import StackError
from stack.local.ports import free_port
from stack.local.servers.postgres import PostgresServer
from stack.local.servers.service_account import service_account
from stack.local.supervision.state import StackState, find_state
from tests.pooler import running_pooler
from tests.waiting import wait_until

_USERS = 500
_CONNECTIONS = 8
DIRECT, POOLED = "direct", "pooled"


def measure(
    *,
    rounds: Annotated[int, typer.Option(min=1, help="Each asks all sorts.")] = 7,
    requests: Annotated[int, typer.Option(min=10, help="Of each sort in a round.")] = 1_000,
    sessions: Annotated[int, typer.Option(min=1, help="Of the pooler with PostgreSQL.")] = 8,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> int:
    """Write requests a second and ratios: the median of the rounds, the least and the most."""
    with running_system() as system, _two_apis(system, sessions) as ports:
        rates = _rates(system, ports, rounds, requests)
    sorts = ("lists", "events")
    compared = [(f"{sort}_{POOLED}", f"{sort}_{DIRECT}") for sort in sorts]
    report_rounds(rates, compared, as_json=as_json)
    return 0


@contextmanager
def _two_apis(system: RunningSystem, sessions: int) -> Iterator[Mapping[str, int]]:
    """The ports of the two processes, by how they reach PostgreSQL."""
    state = find_state(system.home / "state.json")
    if state is None:
        raise StackError("the system has ended")
    ports = {DIRECT: free_port(), POOLED: free_port()}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tandem-pooler-")))
        folder.chmod(0o755)
        server = _server_of(state, system.home)
        pooler = stack.enter_context(running_pooler(server, folder / "pooler", sessions=sessions))
        stores = {
            "DATABASE_URL": state.database_url,
            "REDIS_URL": state.redis_url,
            "TANDEM_HOME": str(system.home),
            "TANDEM_API_WORKERS": "1",
        }
        for name, port in ports.items():
            own = {"TANDEM_API_PORT": str(port)}
            if name == POOLED:
                own["POOLED_DATABASE_URL"] = pooler.url(state.database_url)
            stack.enter_context(process_of("serving", folder / f"{name}.log", stores | own))
        for port in ports.values():
            wait_until(partial(_is_ready, port), seconds=120)
        yield ports


def _server_of(state: StackState, home: Path) -> PostgresServer:
    socket = make_url(state.database_url).query["host"]
    return PostgresServer(home / "postgres", Path(str(socket)), account=service_account(home))


def _is_ready(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/readyz", trust_env=False).is_success
    except httpx.TransportError:
        return False


def _rates(system: RunningSystem, ports: Mapping[str, int], rounds: int, requests: int) -> Rates:
    rates: dict[str, list[float]] = {}
    for number in range(rounds + 1):
        # Who is first changes, so that what the machine does meanwhile falls on both.
        for name, port in list(ports.items())[:: 1 if number % 2 else -1]:
            for sort, sent in (
                ("lists", _lists(port, system)),
                ("events", _events(port, system, requests)),
            ):
                rate = requests_a_second(port, sent, connections=_CONNECTIONS, count=requests)
                if number:
                    rates.setdefault(f"{sort}_{name}", []).append(rate)
    return rates


def _lists(port: int, system: RunningSystem) -> Sequence[bytes]:
    users = (f"viewer-{no:04d}" for no in range(1, _USERS + 1))
    paths = [f"/v1/users/{user}/recommendations?use_cache=false" for user in users]
    return get_requests(port, paths, system.key)


def _events(port: int, system: RunningSystem, count: int) -> Sequence[bytes]:
    bodies = [
        orjson.dumps(
            {
                "events": [
                    {
                        "event_id": str(uuid.uuid4()),
                        "user_id": f"viewer-{1 + no % _USERS:04d}",
                        "item_id": system.films[no % len(system.films)],
                        "kind": "view",
                    }
                ]
            }
        )
        for no in range(count)
    ]
    return post_requests(port, "/v1/events", bodies, system.key)


def main() -> None:
    """The command."""
    run_command(measure)


if __name__ == "__main__":
    main()
