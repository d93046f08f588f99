"""What readers notice when another run is published, rolled back to or dropped.

`python benchmarks/publishing.py` starts PostgreSQL, Redis, the speed worker and API processes of
its own, reads 200 times a second whatever the answers take, sends 20 events a second, and changes
the served run in between. The runs hold different halves of the catalogue, so that an answer that
mixes two of them is found out.
"""

import argparse
import asyncio
import itertools
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import uvloop
from halved_runs import (
    ITEMS,
    LIMIT,
    USERS,
    catch_up,
    drop,
    is_of_one_run,
    prepare,
    publish,
    rollback,
    warm,
)
from sqlalchemy import Engine, insert

from domain.identifiers import ItemNo, KindNo, UserId
from sql import tables
from sql.engine import make_engine
from sql.log import NewEvent, record_parameters
from sql.migrate import migrate
from sql.statements import statements
from stack.api_key import create_key
from stack.chaos.client import Api, Reply
from stack.servers.child_process import ending_with_parent
from stack.servers.ports import free_port
from stack.servers.postgres import ensure_database, running_postgres
from stack.servers.redis_server import running_redis

EVENTS_A_USER = 8
EVENTS_A_SECOND = 20
REGULARS, REGULAR_SHARE = 200, 0.9
"""So many users ask for such a share of the lists; most are found in the cache, as in an app."""
AFTER_SECONDS = 1.0
"""A change is held to account for what is read from its beginning until so long after its end."""
TIMEOUT_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Load:
    """What is read where, and how long."""

    url: str
    ports: dict[str, int]
    key: str
    reads_a_second: int
    quiet_seconds: float
    rounds: int
    warming: bool = True


@dataclass(slots=True)
class Figures:
    """What was read, and when what was changed."""

    reads: list[tuple[float, float]] = field(default_factory=list)
    """When a read was due, and seconds from then to its answer."""
    failed: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    """Events that were not taken."""
    mixed: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    """What went wrong in the benchmark itself."""
    levels: dict[str, int] = field(default_factory=dict)
    windows: list[tuple[str, float, float]] = field(default_factory=list)

    def p99_ms(self, chosen: Callable[[float], bool]) -> tuple[float, int]:
        """The 99th percentile of the reads that were due at chosen times, and how many."""
        taken = [seconds for due, seconds in self.reads if chosen(due)]
        return (1000 * float(np.percentile(taken, 99)) if taken else float("nan")), len(taken)

    def changing(self, what: str = "") -> Callable[[float], bool]:
        """Whether a time lies in a window of a change."""
        windows = [(a, b) for name, a, b in self.windows if name.startswith(what)]
        return lambda due: any(a <= due <= b + AFTER_SECONDS for a, b in windows)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Reads while the served run is changed.")
    parser.add_argument("--quiet-seconds", type=float, default=20.0, help="before, and between")
    parser.add_argument("--rounds", type=int, default=3, help="of publishing and rolling back")
    parser.add_argument("--reads", type=int, default=200, help="reads a second")
    parser.add_argument("--apis", type=int, default=2, help="API processes")
    parser.add_argument("--no-warming", action="store_true", help="make no answers ahead")
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    asked = parser.parse_args()
    with _system(asked.apis) as (url, ports, key):
        load = Load(url, ports, key, asked.reads, asked.quiet_seconds, asked.rounds)
        load = replace(load, warming=not asked.no_warming)
        figures = uvloop.run(_measured(load))
    if figures.broken:
        sys.exit(f"Nothing was measured: {figures.broken[0]}, {len(figures.broken)} times.")
    told = _told(figures)
    for name, figure in told.items():
        print(f"{name:44}{figure:>10}")
    for name, began, ended in figures.windows:
        print(f"  {name:12} took {1000 * (ended - began):8.1f} ms")
    for line in (figures.failed + figures.mixed + figures.refused)[:5]:
        print(line)
    if asked.json:
        print(json.dumps(told))


def _told(figures: Figures) -> dict[str, float]:
    changing = figures.changing()
    quiet, quiet_reads = figures.p99_ms(lambda due: not changing(due))
    told: dict[str, float] = {
        "reads": len(figures.reads),
        "failed reads": len(figures.failed),
        "mixed answers": len(figures.mixed),
        "refused events": len(figures.refused),
        "answers from a lower level": figures.levels.get("held", 0),
        "p99 ms while nothing changes": round(quiet, 1),
        "reads while nothing changes": quiet_reads,
    }
    for what in ("warming", "publish", "rollback", "drop", ""):
        p99, reads = figures.p99_ms(figures.changing(what))
        name = what or "any change"
        told |= {
            f"p99 ms around {name}": round(p99, 1),
            f"reads around {name}": reads,
            f"ratio around {name}": round(p99 / quiet, 2),
        }
    return told


@contextmanager
def _system(apis: int) -> Iterator[tuple[str, dict[str, int], str]]:
    """PostgreSQL, Redis, a speed worker and API processes; address, ports and a key."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tandem-")))
        folder.chmod(0o755)
        postgres = stack.enter_context(running_postgres(folder / "postgres"))
        redis = stack.enter_context(running_redis(folder / "redis"))
        ensure_database(postgres, "tandem")
        url = postgres.url("tandem")
        engine = make_engine(url)
        migrate(engine)
        engine.dispose()
        with engine.begin() as connection:
            key = create_key(connection, "benchmark", ["read", "write"])
        _fill(engine)
        engine.dispose()
        stores = {"DATABASE_URL": url, "REDIS_URL": redis.url()}
        ports = {f"api-{n}": free_port() for n in range(1, apis + 1)}
        stack.enter_context(_process("speed", folder / "speed.log", stores))
        for name, port in ports.items():
            settings = stores | {"TANDEM_API_PORT": str(port)}
            stack.enter_context(_process("serving", folder / f"{name}.log", settings))
        yield url, ports, key


@contextmanager
def _process(module: str, log: Path, settings: dict[str, str]) -> Iterator[None]:
    """One of our own programs, for the time of the block."""
    with log.open("wb") as file:
        process = subprocess.Popen(  # noqa: S603 -- our own programs
            [sys.executable, "-m", module],
            env=os.environ | settings,
            stdout=file,
            stderr=file,
            **ending_with_parent(signal.SIGTERM),
        )
        try:
            yield
        finally:
            process.terminate()
            process.wait()


def _fill(engine: Engine) -> None:
    """A catalogue and a history."""
    random = np.random.default_rng(7)
    names = [{"item_id": f"item-{no}", "title": f"Item {no}"} for no in range(1, ITEMS + 1)]
    noon = datetime.now(UTC) - timedelta(days=1)
    with engine.begin() as connection:
        connection.execute(insert(tables.items), names)
        for user in range(USERS):
            events = [
                _event(f"user-{user}", int(no), noon)
                for no in random.integers(1, ITEMS + 1, EVENTS_A_USER)
            ]
            connection.execute(statements("log")["record_events"], record_parameters(events))


def _event(user: str, item_no: int, at: datetime) -> NewEvent:
    return NewEvent(uuid.uuid4(), UserId(user), ItemNo(item_no), KindNo(1), None, at)


async def _measured(load: Load) -> Figures:
    figures, url = Figures(), load.url
    # Changes are made in a process of their own: they must not slow down who measures.
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as elsewhere:
        runs = {}
        for n in range(load.rounds + 1):
            run_id, cut_off = await _in(elsewhere, prepare, url, n % 2)
            runs[run_id] = (n % 2, cut_off)
        first, *later = runs
        await _in(elsewhere, publish, url, first)
        api = Api(load.ports, load.key)
        readers = Readers(api, figures, runs)
        await readers.wait_until_ready()
        sending = asyncio.create_task(readers.send_load(load.reads_a_second))
        await asyncio.sleep(5.0)  # warm caches, plans and connections
        figures.reads.clear()
        await asyncio.sleep(load.quiet_seconds)
        for before, after in itertools.pairwise([first, *later]):
            for name, change, run_id in (
                ("warming", warm if load.warming else catch_up, after),
                ("publish", publish, after),
                ("rollback", rollback, before),
                ("rollback", rollback, after),
                ("drop", drop, before),
            ):
                began = time.perf_counter()
                await _in(elsewhere, change, url, run_id)
                figures.windows.append((name, began, time.perf_counter()))
                if name != "warming":
                    await asyncio.sleep(AFTER_SECONDS + load.quiet_seconds / 5)
        sending.cancel()
        await asyncio.sleep(1.0)  # for the answers that are still under way
        api.close()
    return figures


async def _in(pool: ProcessPoolExecutor, work: Callable[..., Any], *arguments: Any) -> Any:
    return await asyncio.get_running_loop().run_in_executor(pool, work, *arguments)


class Readers:
    """Those who read, and send events, while the served run is changed."""

    def __init__(self, api: Api, figures: Figures, runs: dict[int, tuple[int, str]]) -> None:
        self._api = api
        self._figures = figures
        self._runs = runs
        self._under_way: set[asyncio.Task[None]] = set()

    async def wait_until_ready(self) -> None:
        """Until every API process takes requests."""
        async with asyncio.timeout(60):
            for worker in self._api.workers:
                while not await self._is_ready(worker):  # noqa: ASYNC110 -- that is elsewhere
                    await asyncio.sleep(0.1)

    async def send_load(self, reads_a_second: int) -> None:
        """Send each request when it is due, whatever became of those before it."""
        started = time.perf_counter()
        random = np.random.default_rng(11)
        for n in itertools.count():
            due = started + n / reads_a_second
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            # A tenth of the others have never been seen.
            regular = random.random() < REGULAR_SHARE
            user = f"user-{random.integers(REGULARS if regular else USERS * 11 // 10)}"
            worker = self._api.workers[n % len(self._api.workers)]
            self._begin(self._read(worker, user, due))
            if n % max(1, reads_a_second // EVENTS_A_SECOND) == 0:
                item = f"item-{random.integers(1, ITEMS + 1)}"
                self._begin(self._send(worker, user, item))

    async def _is_ready(self, worker: str) -> bool:
        return _is(httpx.codes.OK, await self._ask(worker, "GET", "/readyz"))

    def _begin(self, request: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(request)
        self._under_way.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._figures.broken.append(repr(error))

    async def _read(self, worker: str, user: str, due: float) -> None:
        path = f"/v1/users/{user}/recommendations"
        reply = await self._ask(worker, "GET", path, parameters={"limit": LIMIT})
        self._figures.reads.append((due, time.perf_counter() - due))
        if not _is(httpx.codes.OK, reply):
            self._figures.failed.append(f"{reply.status or reply.failure} {reply.body}")
            return
        said = reply.body
        levels = self._figures.levels
        levels[said["level"]] = levels.get(said["level"], 0) + 1
        # Before the first run was seen the held list is of none.
        if said["run"] is not None and not is_of_one_run(said, self._runs):
            self._figures.mixed.append(json.dumps(said)[:300])

    async def _send(self, worker: str, user: str, item_id: str) -> None:
        event = {"user_id": user, "item_id": item_id, "kind": "view"}
        reply = await self._ask(worker, "POST", "/v1/events", content={"events": [event]})
        if not _is(httpx.codes.ACCEPTED, reply):
            self._figures.refused.append(f"{reply.status or reply.failure} {reply.body}")

    async def _ask(self, worker: str, method: str, path: str, **what: Any) -> Reply:
        return await self._api.ask(worker, method, path, timeout_seconds=TIMEOUT_SECONDS, **what)


def _is(status: httpx.codes, reply: Reply) -> bool:
    return reply.status == status


if __name__ == "__main__":
    main()
