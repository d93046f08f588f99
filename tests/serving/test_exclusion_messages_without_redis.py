"""Without Redis the processes tell each other through PostgreSQL, or acknowledge nothing."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import Connection, Engine, text

from tests.serving.conftest import Gate, OwnRedis, Seeds, Start, event, send, until
from tests.serving.fallback import fallback, publish_popular
from tests.toxic import toxic, toxic_postgres

ONLY_NOTIFIED: dict[str, Any] = {
    "request_budget_seconds": 1.0,
    "exclusions_patience_seconds": 0.2,
    "exclusion_cache_poll_seconds": 3600,
}
"""A process that does not read again what was recorded because Redis went."""


@pytest.fixture
def run_id(seeds: Seeds) -> int:
    return publish_popular(seeds)


async def shown_without_the_log(
    engine: Engine, client: httpx.AsyncClient, expected: list[int]
) -> None:
    """Return when ann is shown these first by a process that cannot read what was recorded."""
    with engine.connect() as locker:
        lock_log(locker)

        async def is_excluded() -> bool:
            return await fallback(client, "ann", limit=len(expected)) == expected

        await until(is_excluded)


def lock_log(connection: Connection) -> None:
    """Let nobody read what was recorded, until the transaction ends."""
    connection.execute(text("lock table interactions in access exclusive mode"))


async def test_without_redis_the_processes_tell_each_other_through_postgresql(
    start: Start, run_id: int, engine: Engine, gate: Gate, own_redis: OwnRedis
) -> None:
    here, there = [await start(redis_url=own_redis.url, **ONLY_NOTIFIED) for _ in "ab"]
    own_redis.kill()
    assert (await send(here, event("ann", 0), event("ann", 1, "hide"))).status_code == 202
    await shown_without_the_log(engine, there, [2, 3])
    gate.shut()
    assert await fallback(there, "ann", limit=2) == [2, 3]
    assert await fallback(there, "ann", limit=2, exclude_seen=False) == [0, 2]


@pytest.mark.usefixtures("run_id")
async def test_who_reaches_redis_again_tells_those_who_do_not_yet(
    start: Start, engine: Engine, gate: Gate, own_redis: OwnRedis, short_folder: Path
) -> None:
    own, other = (str(short_folder / name) for name in ("own.sock", "other.sock"))
    target = own_redis.url.removeprefix("unix://")
    async with toxic(own, target) as proxy, toxic(other, target) as others:
        here = await start(redis_url=f"unix://{own}", redis_heartbeat_seconds=0.5)
        there = await start(
            redis_url=f"unix://{other}", redis_heartbeat_seconds=0.5, **ONLY_NOTIFIED
        )
        await others.cut()
        await proxy.cut()
        assert (await send(here, event("ann", 0))).status_code == 202
        await proxy.open()

        async def reached() -> bool:
            return bool((await here.get("/readyz")).json()["redis"] == "reachable")

        await until(reached)
        assert (await send(here, event("ann", 1))).status_code == 202
        await shown_without_the_log(engine, there, [2, 3])
        gate.shut()
        assert await fallback(there, "ann", limit=2) == [2, 3]


async def test_what_nobody_can_be_told_of_is_not_acknowledged(
    start: Start, run_id: int, seeds: Seeds, gate: Gate, own_redis: OwnRedis
) -> None:
    here = await start(redis_url=own_redis.url, redis_heartbeat_seconds=1.0)
    sent = {**event("ann", 0), "event_id": "once"}
    own_redis.kill()
    sending = asyncio.create_task(send(here, sent))

    async def stored() -> bool:
        return seeds.count("interactions") == 1

    await until(stored)
    # Redis is still being tried; before PostgreSQL can tell the others it is gone too.
    gate.shut()
    assert (await sending).status_code == 503
    gate.open()

    async def acknowledged() -> bool:
        return (await send(here, sent)).status_code == 202

    await until(acknowledged)
    seeds.engine.dispose()  # its connection was shut off with the others
    assert seeds.count("interactions") == 1


@pytest.mark.usefixtures("run_id")
async def test_a_process_that_listens_again_first_reads_what_it_missed(
    start: Start, engine: Engine, own_redis: OwnRedis, socket_folder: Path, database_url: str
) -> None:
    here = await start(redis_url=own_redis.url)
    async with toxic_postgres(socket_folder, database_url) as (proxy, url):
        cut_off = {"database_url": url, "breaker_open_seconds": 3600.0, **ONLY_NOTIFIED}
        there = await start(redis_url=own_redis.url, **cut_off)
        own_redis.kill()
        await proxy.cut()
        assert await fallback(there, "ann", limit=2) == [0, 1]
        assert (await send(here, event("ann", 0))).status_code == 202
        await proxy.open()

        async def received() -> bool:
            # Between two questions it may read what was recorded, in none.
            with engine.connect() as locker:
                lock_log(locker)
                return await fallback(there, "ann", limit=2) == [1, 2]

        await until(received)
