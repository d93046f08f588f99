"""What readers notice when another run is published, rolled back to or dropped.

`python -m benchmarks publishing` starts PostgreSQL, Redis, the speed worker and API processes of
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
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import uvloop
from sqlalchemy import Engine, text

from benchmarks.halved_runs import (
    ITEMS,
    USERS,
    catch_up_without_warming,
    drop,
    prepare,
    publish,
    rollback,
    warm,
)
from benchmarks.readers import AFTER_SECONDS, Figures, Readers
from domain.identifiers import ItemNo, KindNo, UserId
from sql.engine import make_engine
from sql.log import NewEvent, record_parameters
from sql.migrate import migrate
from sql.statements import statements
from stack.api_key import create_key
from stack.local.ports import free_port
from stack.local.servers.child_process import ending_with_parent
from stack.local.servers.postgres import ensure_database, running_postgres
from stack.local.servers.redis_server import running_redis
from tests.chaos.client import Api

EVENTS_A_USER = 8


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
    values = _to_dict(figures)
    for name, figure in values.items():
        print(f"{name:44}{figure:>10}")
    for name, began, ended in figures.windows:
        print(f"  {name:12} took {1000 * (ended - began):8.1f} ms")
    for line in (figures.failed + figures.mixed + figures.refused)[:5]:
        print(line)
    if asked.json:
        print(json.dumps(values))


def _to_dict(figures: Figures) -> dict[str, float]:
    changing = figures.changing()
    quiet, quiet_reads = figures.p99_ms(lambda due: not changing(due))
    values: dict[str, float] = {
        "reads": len(figures.reads),
        "failed reads": len(figures.failed),
        "mixed answers": len(figures.mixed),
        "refused events": len(figures.refused),
        "answers from memory": figures.strategies.get("fallback", 0),
        "p99 ms while nothing changes": round(quiet, 1),
        "reads while nothing changes": quiet_reads,
    }
    for what in ("warming", "publish", "rollback", "drop", ""):
        p99, reads = figures.p99_ms(figures.changing(what))
        name = what or "any change"
        values |= {
            f"p99 ms around {name}": round(p99, 1),
            f"reads around {name}": reads,
            f"ratio around {name}": round(p99 / quiet, 2),
        }
    return values


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
        connection.execute(
            text("insert into items (item_id, title) values (:item_id, :title)"), names
        )
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
                ("warming", warm if load.warming else catch_up_without_warming, after),
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


if __name__ == "__main__":
    main()
