"""What readers notice when another run is published, rolled back to or dropped.

`python benchmarks/publishing.py` starts PostgreSQL, Redis, the speed worker and one API process of
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
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from sqlalchemy import Engine, insert

from batch.bulk import bulk_connection
from batch.embeddings import store_item_vectors, store_space
from batch.live_vectors import store_all_live_vectors
from batch.parameters import RunParameters
from batch.publishing import begin_progress, publish_run
from batch.rollback import roll_back
from batch.runs import Run, begin_run, drop_partitions, mark_evaluated, retire
from batch.space import ItemSpace
from domain.identifiers import ItemNo, KindNo, RunId, UserId
from domain.live_vector import ItemVectors, LiveSpace, LiveVectorParameters
from sql import tables
from sql.engine import make_engine
from sql.live_vectors import load_live_space
from sql.log import NewEvent, event_horizon, load_kinds, record_parameters
from sql.migrate import migrate
from sql.partitions import create_partitions
from sql.statements import statements
from stack.api_key import create_key
from stack.servers.child_process import ending_with_parent
from stack.servers.ports import free_port
from stack.servers.postgres import ensure_database, running_postgres
from stack.servers.redis_server import running_redis

USERS, ITEMS, EVENTS_A_USER, FACTORS, LIST_LENGTH, LIMIT = 2_000, 2_000, 8, 32, 100, 20
EVENTS_A_SECOND = 20
REGULARS, REGULAR_SHARE = 200, 0.9
"""So many users ask for such a share of the lists; most are found in the cache, as in an app."""
AFTER_SECONDS = 1.0
"""A change is held to account for what is read from its beginning until so long after its end."""


@dataclass(frozen=True, slots=True)
class Load:
    """What is read where, and how long."""

    url: str
    api: str
    key: str
    reads_a_second: int
    quiet_seconds: float
    rounds: int


@dataclass(slots=True)
class Figures:
    """What was read, and when what was changed."""

    reads: list[tuple[float, float]] = field(default_factory=list)
    """When a read was due, and seconds from then to its answer."""
    failed: list[str] = field(default_factory=list)
    mixed: list[str] = field(default_factory=list)
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
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    asked = parser.parse_args()
    with _system() as (url, api, key):
        load = Load(url, api, key, asked.reads, asked.quiet_seconds, asked.rounds)
        figures = asyncio.run(_measured(load))
    told = _told(figures)
    for name, figure in told.items():
        print(f"{name:44}{figure:>10}")
    for name, began, ended in figures.windows:
        print(f"  {name:12} took {1000 * (ended - began):8.1f} ms")
    for line in (figures.failed + figures.mixed)[:5]:
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
        "answers from a lower level": figures.levels.get("held", 0),
        "p99 ms while nothing changes": round(quiet, 1),
        "reads while nothing changes": quiet_reads,
    }
    for what in ("publish", "rollback", "drop", ""):
        p99, reads = figures.p99_ms(figures.changing(what))
        name = what or "any change"
        told |= {
            f"p99 ms around {name}": round(p99, 1),
            f"reads around {name}": reads,
            f"ratio around {name}": round(p99 / quiet, 2),
        }
    return told


@contextmanager
def _system() -> Iterator[tuple[str, str, str]]:
    """PostgreSQL, Redis, a speed worker and an API; addresses and a key."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tandem-")))
        folder.chmod(0o755)
        postgres = stack.enter_context(running_postgres(folder / "postgres"))
        redis = stack.enter_context(running_redis(folder / "redis"))
        ensure_database(postgres, "tandem")
        url, port = postgres.url("tandem"), free_port()
        engine = make_engine(url)
        migrate(engine)
        engine.dispose()
        with engine.begin() as connection:
            key = create_key(connection, "benchmark", ["read", "write"])
        _fill(engine)
        environment = {"DATABASE_URL": url, "REDIS_URL": redis.url(), "TANDEM_API_PORT": str(port)}
        for module in ("speed", "serving"):
            log = stack.enter_context((folder / f"{module}.log").open("wb"))
            process = subprocess.Popen(  # noqa: S603 -- our own programs
                [sys.executable, "-m", module],
                env=os.environ | environment,
                stdout=log,
                stderr=log,
                **ending_with_parent(signal.SIGTERM),
            )
            stack.callback(process.wait)
            stack.callback(process.terminate)
        yield url, f"http://127.0.0.1:{port}", key
        engine.dispose()


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


def prepare(url: str, half: int) -> tuple[int, str]:
    """A run over one half of the catalogue, ready to be published; its number and cut-off."""
    engine = make_engine(url)
    random = np.random.default_rng(half)
    item_nos = np.arange(1 + half, ITEMS + 1, 2, dtype=np.int32)
    factors = random.normal(size=(len(item_nos), FACTORS))
    factors /= np.linalg.norm(factors, axis=1)[:, None]
    vectors = np.hstack([factors, np.zeros((len(item_nos), 2))]).astype(np.float32)
    ones, sources = np.ones(len(item_nos)), np.empty((len(item_nos), 0), dtype=np.float32)
    parameters = LiveVectorParameters(taste_dimensions=FACTORS)
    space = ItemSpace(
        ItemVectors(item_nos, vectors, sources, ones, ones),
        1.0,
        LiveSpace(parameters, factors.T @ factors),
    )
    with engine.begin() as connection:
        run = begin_run(connection, RunParameters(), None)
        mark_evaluated(connection, run.run_id)
        create_partitions(connection, run.run_id)
        _store_lists(connection, run.run_id, item_nos, random)
        store_space(connection, run.run_id, space)
    _store_vectors(engine, url, run, space)
    engine.dispose()
    return run.run_id, run.cut_off_at.isoformat()


def _store_lists(
    connection: Any, run_id: RunId, item_nos: np.ndarray, random: np.random.Generator
) -> None:
    scores = [float(LIST_LENGTH - n) for n in range(LIST_LENGTH)]
    lists = [
        {"run_id": run_id, "user_no": user_no, "scores": scores,
         "item_nos": random.choice(item_nos, LIST_LENGTH, replace=False).tolist()}
        for user_no in range(1, USERS + 1)
    ]  # fmt: skip
    connection.execute(insert(tables.batch_recommendations), lists)
    popular = {"run_id": run_id, "list": "popular", "scores": scores}
    connection.execute(
        insert(tables.popular_items), [popular | {"item_nos": item_nos[:LIST_LENGTH].tolist()}]
    )


def _store_vectors(engine: Engine, url: str, run: Run, space: ItemSpace) -> None:
    with engine.begin() as connection:
        horizon, kinds = event_horizon(connection), load_kinds(connection)
    with bulk_connection(url) as connection:
        store_item_vectors(connection, run.run_id, space.items)
        store_all_live_vectors(connection, run, kinds, space, horizon=horizon, chunk_users=5000)
    with engine.begin() as connection:
        begin_progress(connection, run.run_id, horizon)


def publish(url: str, run_id: int) -> None:
    """The night's last step."""
    engine = make_engine(url)
    with engine.begin() as connection:
        run = load_live_space(connection, RunId(run_id))
    with engine.begin() as connection:
        publish_run(connection, run)
    engine.dispose()


def rollback(url: str, run_id: int) -> None:
    """As `tandem rollback` does it."""
    engine = make_engine(url)
    roll_back(engine.begin, RunId(run_id), by="the benchmark")
    engine.dispose()


def drop(url: str, run_id: int) -> None:
    """What becomes of an old run."""
    engine = make_engine(url)
    with engine.begin() as connection:
        retire(connection, RunId(run_id))
    with engine.connect() as connection:
        session = connection.execution_options(isolation_level="AUTOCOMMIT")
        drop_partitions(session, RunId(run_id))
    engine.dispose()


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
        limits = httpx.Limits(max_connections=200)
        headers = {"X-API-Key": load.key}
        async with httpx.AsyncClient(
            base_url=load.api, headers=headers, limits=limits, timeout=10.0
        ) as client:
            await _until_ready(client)
            sending = asyncio.create_task(_send_load(client, figures, runs, load.reads_a_second))
            await asyncio.sleep(5.0)  # warm caches, plans and connections
            figures.reads.clear()
            await asyncio.sleep(load.quiet_seconds)
            for before, after in itertools.pairwise([first, *later]):
                for name, change, run_id in (
                    ("publish", publish, after),
                    ("rollback", rollback, before),
                    ("rollback", rollback, after),
                    ("drop", drop, before),
                ):
                    began = time.perf_counter()
                    await _in(elsewhere, change, url, run_id)
                    figures.windows.append((name, began, time.perf_counter()))
                    await asyncio.sleep(AFTER_SECONDS + load.quiet_seconds / 5)
            sending.cancel()
            await asyncio.sleep(1.0)  # for the answers that are still under way
    return figures


async def _in(pool: ProcessPoolExecutor, work: Callable[..., Any], *arguments: Any) -> Any:
    return await asyncio.get_running_loop().run_in_executor(pool, work, *arguments)


async def _until_ready(client: httpx.AsyncClient) -> None:
    async with asyncio.timeout(60):
        while True:
            try:
                if (await client.get("/readyz")).is_success:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.1)


async def _send_load(
    client: httpx.AsyncClient,
    figures: Figures,
    runs: dict[int, tuple[int, str]],
    reads_a_second: int,
) -> None:
    """Send each request when it is due, whatever became of those before it."""
    started, under_way = time.perf_counter(), set()
    random = np.random.default_rng(11)
    for n in itertools.count():
        due = started + n / reads_a_second
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        # A tenth of the others have never been seen.
        regular = random.random() < REGULAR_SHARE
        user = f"user-{random.integers(REGULARS if regular else USERS * 11 // 10)}"
        sent = [_read(client, figures, runs, user, due)]
        if n % max(1, reads_a_second // EVENTS_A_SECOND) == 0:
            sent.append(_send(client, figures, user, int(random.integers(1, ITEMS + 1))))
        for one in sent:
            task = asyncio.create_task(one)
            under_way.add(task)
            task.add_done_callback(under_way.discard)


async def _read(
    client: httpx.AsyncClient,
    figures: Figures,
    runs: dict[int, tuple[int, str]],
    user: str,
    due: float,
) -> None:
    try:
        answer = await client.get(f"/v1/users/{user}/recommendations", params={"limit": LIMIT})
    except httpx.HTTPError as error:
        figures.failed.append(repr(error))
        return
    figures.reads.append((due, time.perf_counter() - due))
    if answer.status_code != httpx.codes.OK:
        figures.failed.append(answer.text)
        return
    said = answer.json()
    figures.levels[said["level"]] = figures.levels.get(said["level"], 0) + 1
    # Before the first run was seen the held list is of none.
    if said["run"] is not None and not _is_of_one_run(said, runs):
        figures.mixed.append(answer.text[:300])


def _is_of_one_run(said: dict[str, Any], runs: dict[int, tuple[int, str]]) -> bool:
    """Whether items, number and cut-off are of one run, and all are there."""
    half, cut_off = runs[said["run"]["id"]]
    numbers: Sequence[int] = [int(item["item_id"].removeprefix("item-")) for item in said["items"]]
    same_cut_off = datetime.fromisoformat(said["run"]["cut_off_at"]).isoformat() == cut_off
    return same_cut_off and len(numbers) == LIMIT and all(no % 2 == 1 - half for no in numbers)


async def _send(client: httpx.AsyncClient, figures: Figures, user: str, item_no: int) -> None:
    event = {"user_id": user, "item_id": f"item-{item_no}", "kind": "view"}
    try:
        (await client.post("/v1/events", json={"events": [event]})).raise_for_status()
    except httpx.HTTPError as error:
        figures.failed.append(repr(error))


if __name__ == "__main__":
    main()
