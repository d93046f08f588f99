"""Servers of the test's own, killed and started again under an app that goes on."""

import asyncio
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
import structlog
from sqlalchemy import Connection, Engine, insert, text

from sql.engine import make_engine
from sql.migrate import migrate
from stack.local.servers.child_process import stop_child
from stack.local.servers.postgres import (
    SHUTDOWN,
    PostgresServer,
    prepare_postgres,
    wait_until_ready,
)
from tests import tables
from tests.serving.conftest import (
    Gate,
    OwnRedis,
    Seeds,
    Start,
    event,
    ids,
    recommended,
    send,
    until,
)
from tests.toxic import toxic

MOST_PATIENCE_SECONDS = 10.0
"""An event waits about a second for Redis; the machine may be busy."""

LONGEST_PAUSE_SECONDS = 0.25
"""Between two looks for Redis."""


@asynccontextmanager
async def pauses() -> AsyncIterator[list[float]]:
    """How long the loop took from turn to turn during the block, in seconds."""
    found = [0.0]

    async def watch() -> None:
        while True:
            began_at = time.monotonic()
            await asyncio.sleep(0.01)
            found.append(time.monotonic() - began_at)

    watching = asyncio.create_task(watch())
    yield found
    watching.cancel()


@pytest.fixture
def ann(seeds: Seeds) -> int:
    return seeds.listed_user("ann", popular=range(30))


async def strategy(client: httpx.AsyncClient, user: str = "ann", **query: int) -> str:
    answer = await recommended(client, user, **query)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["strategy"])


async def test_a_search_that_takes_too_long_leaves_the_batch_list_and_is_not_kept(
    start: Start, engine: Engine, ann: int
) -> None:
    client = await start(request_budget_seconds=2.0)
    assert (await send(client, event("ann", 0))).status_code == 202
    with engine.connect() as connection:
        connection.execute(text("lock table item_embeddings in access exclusive mode"))
        slow = await recommended(client, "ann", limit=8)
        connection.rollback()
    assert slow.json()["strategy"] == "batch"
    assert slow.json()["degraded"] == "postgres_timeout"
    assert ids(slow)[:4] == ["film-1", "film-2", "film-3", "film-4"]
    assert len(ids(slow)) == len(set(ids(slow))) == 8
    assert "film-0" not in ids(slow)
    again = await recommended(client, "ann", limit=8)
    assert again.json()["source"] == "blend"
    assert again.json()["degraded"] in {None, "redis_away"}


async def test_a_list_that_cannot_be_filled_up_in_time_ends_with_the_fallback(
    start: Start, engine: Engine, seeds: Seeds, ann: int
) -> None:
    client = await start(request_budget_seconds=2.0)
    await send(client, event("ann", 29))
    with engine.connect() as connection:
        connection.execute(text("lock table popular_items in access exclusive mode"))
        answer = await recommended(client, "ann", limit=25)
        connection.rollback()
    assert answer.json()["strategy"] == "blend"
    assert answer.json()["degraded"] == "postgres_timeout"
    assert len(ids(answer)) == len(set(ids(answer))) == 25
    assert "film-29" not in ids(answer)


async def test_a_process_started_while_the_database_is_away_waits_and_answers_no_503(
    start: Start, ann: int, gate: Gate
) -> None:
    gate.shut()
    with structlog.testing.capture_logs() as logs:
        starting = asyncio.create_task(start(startup_wait_seconds=60))
        done, _ = await asyncio.wait({starting}, timeout=1.0)
        assert not done
        gate.open()
        client = await starting
    assert await strategy(client) == "blend"
    assert [log["event"] for log in logs].count("waiting_for_postgres") == 1
    metrics = (await client.get("/metrics")).text
    assert 'serving_breaker_state{dependency="postgres"} 0.0' in metrics


async def test_after_an_event_is_accepted_no_process_shows_the_item_once_redis_is_reached_again(
    start: Start, ann: int, redis_url: str, short_folder: Path
) -> None:
    """The other process asks nothing meanwhile, and so has nothing to notice the outage by."""
    socket = short_folder / "cut-redis.sock"
    async with toxic(str(socket), redis_url.removeprefix("unix://")) as proxy:
        # Nobody may be saved by leaving Redis alone.
        patient = {"breaker_errors_in_row": 10_000, "breaker_error_share": 1}
        here, there = [await start(redis_url=f"unix://{socket}", **patient) for _ in range(2)]
        await until(lambda: cached(here))
        compared = 0
        for film in range(5):
            await until(lambda: cached(there))
            async with pauses() as seconds:
                await proxy.cut()
                began_at = time.monotonic()
                assert (await send(here, event("ann", film))).status_code == 202
                assert time.monotonic() - began_at < MOST_PATIENCE_SECONDS
                await proxy.open()
                shown = ids(await recommended(there, "ann", limit=5))
            # Who is held up for longer than an event waits has not looked for Redis meanwhile.
            if max(seconds) < LONGEST_PAUSE_SECONDS:
                assert f"film-{film}" not in shown
                compared += 1
        assert compared


async def test_an_event_is_accepted_while_redis_is_frozen_and_no_process_shows_the_item_after(
    start: Start, ann: int, own_redis: OwnRedis
) -> None:
    here, there = [await start(redis_url=own_redis.url) for _ in range(2)]
    assert own_redis.process is not None
    for film in range(3):
        await until(lambda: cached(there))
        own_redis.process.send_signal(signal.SIGSTOP)
        try:
            assert (await send(here, event("ann", film))).status_code == 202
        finally:
            own_redis.process.send_signal(signal.SIGCONT)
        for _ in range(5):
            assert f"film-{film}" not in ids(await recommended(there, "ann", limit=5))


async def cached(client: httpx.AsyncClient) -> bool:
    return bool((await recommended(client, "ann", limit=5)).json()["source"] == "cache")


class OwnPostgres:
    """A PostgreSQL that a test may kill."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "data"
        self.server: PostgresServer
        self._process: subprocess.Popen[bytes]

    def start(self) -> None:
        self.server = prepare_postgres(self._folder, durable=False)
        self._process = subprocess.Popen(
            self.server.command(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            **self.server.popen_options(),
        )
        wait_until_ready(self.server, self._process)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def end(self) -> None:
        stop_child(self._process, SHUTDOWN)


@pytest.fixture
def own_postgres(short_folder: Path) -> Iterator[OwnPostgres]:
    server = OwnPostgres(short_folder / "own-postgres")
    server.start()
    yield server
    server.end()


def migrated(server: OwnPostgres) -> Engine:
    engine = make_engine(server.server.url("postgres"))
    migrate(engine)
    return engine


def with_films(connection: Connection) -> list[int]:
    films = [{"item_id": f"film-{n}", "title": f"Film {n}"} for n in range(30)]
    items = tables.items
    rows = connection.execute(insert(items).returning(items.c.item_no), films)
    return sorted(rows.scalars())


@pytest.fixture
async def own_engine(own_postgres: OwnPostgres) -> AsyncIterator[Engine]:
    engine = migrated(own_postgres)
    yield engine
    engine.dispose()


async def test_a_database_that_is_killed_and_started_again_is_used_again(
    start: Start, own_postgres: OwnPostgres, own_engine: Engine
) -> None:
    with own_engine.begin() as connection:
        films = with_films(connection)
    seeds = Seeds(own_engine, films)
    seeds.run(
        batch={seeds.user("ann"): [(films[n], 10.0 - n) for n in range(5)]},
        popular={"": [(films[n], 30.0 - n) for n in range(30)]},
    )
    client = await start(database_url=own_postgres.server.url("postgres"))
    client.headers["X-API-Key"] = seeds.key("read", "write")
    assert (await send(client, event("ann", 0))).status_code == 202
    for _ in range(2):
        assert await strategy(client, limit=5) == "batch"
        own_postgres.kill()
        assert await strategy(client, limit=6) == "fallback"
        assert (await send(client, event("ann", 1))).status_code == 503
        own_postgres.start()

        async def well() -> bool:
            return await strategy(client, limit=7) == "batch"

        await until(well)
        assert (await send(client, event("ann", 1))).status_code == 202
