"""What one process learns of a user the others are sent, undoing and forgetting too."""

import asyncio
from pathlib import Path
from typing import Any

import orjson
import pytest
import redis
from sqlalchemy import Engine, text

from domain.identifiers import UserId
from domain.redis_keys import exclusions_key
from serving.exclusions.exclusions import UserExclusions
from serving.exclusions.redis_exclusions import CHANGES
from tests.serving.conftest import Gate, OwnRedis, Seeds, Start, event, recommended, send, until
from tests.serving.fallback import fallback, publish_popular
from tests.serving.locking import vectors_locked, waiting
from tests.toxic import toxic


@pytest.fixture
def run_id(seeds: Seeds) -> int:
    return publish_popular(seeds)


async def test_what_one_process_recorded_every_process_knows(
    start: Start, run_id: int, gate: Gate, own_redis: OwnRedis
) -> None:
    here, there = [
        await start(redis_url=own_redis.url, exclusion_cache_poll_seconds=0.01) for _ in "ab"
    ]
    await send(here, event("ann", 0))
    gate.shut()
    assert await fallback(there, "ann", limit=1) == [1]
    own_redis.kill()
    assert await fallback(here, "ann", limit=1) == [1]
    assert await fallback(there, "ann", limit=1) == [1], "told while Redis was alive"


async def test_a_process_that_answered_from_the_cache_knows_the_user(
    start: Start, run_id: int, gate: Gate, own_redis: OwnRedis
) -> None:
    here = await start(redis_url=own_redis.url)
    await send(here, event("ann", 0))
    await recommended(here, "ann")
    there = await start(redis_url=own_redis.url, exclusion_cache_poll_seconds=3600)
    assert (await recommended(there, "ann")).json()["source"] == "cache"
    gate.shut()
    own_redis.kill()
    assert await fallback(there, "ann", limit=1) == [1]


async def test_a_state_read_before_an_event_does_not_take_it_back(
    start: Start, seeds: Seeds, engine: Engine, gate: Gate
) -> None:
    ann, films = seeds.user("ann"), seeds.film_nos
    seeds.run(
        vectors={no: (1.0, float(n)) for n, no in enumerate(films)},
        users={ann: ((0.0, 1.0), 0)},
        popular={"": [(no, 30.0 - n) for n, no in enumerate(films)]},
    )
    here, there = await start(), await start(exclusion_cache_poll_seconds=3600)
    with vectors_locked(engine):
        stale = asyncio.create_task(recommended(here, "ann", limit=9))
        await waiting(engine, 1)
        assert (await send(here, event("ann", 0))).status_code == 202
    await stale
    gate.shut()
    assert await fallback(here, "ann", limit=1) == [1]
    assert await fallback(there, "ann", limit=1) == [1]


async def test_an_event_taken_back_in_one_process_excludes_nothing_in_another(
    start: Start, run_id: int, gate: Gate
) -> None:
    here, there = [await start(exclusion_cache_poll_seconds=0.01) for _ in "ab"]
    await send(here, event("ann", 0, event_id="taken-back"), event("ann", 1))
    for client in (here, there):
        await recommended(client, "ann")
    assert (await here.delete("/v1/events/taken-back")).status_code == 200
    await recommended(here, "ann", limit=4)
    gate.shut()
    assert await fallback(here, "ann", limit=3) == [0, 2, 3]

    async def received() -> bool:
        return await fallback(there, "ann", limit=3) == [0, 2, 3]

    await until(received)


def notifications_of(user: str, store: redis.Redis) -> list[Any]:
    """What the processes sent each other of a user, in order."""
    changes = store.xrange(CHANGES)
    return [
        payload[user]
        for _, change in changes
        if user in (payload := orjson.loads(change[b"payload"]))
    ]


async def test_while_an_event_is_taken_back_no_process_ever_knows_nothing_of_the_user(
    start: Start, run_id: int, gate: Gate, own_redis: OwnRedis, short_folder: Path
) -> None:
    socket = short_folder / "cut-redis.sock"
    async with toxic(str(socket), own_redis.url.removeprefix("unix://")) as proxy:
        here = await start(redis_url=f"unix://{socket}", exclusion_cache_poll_seconds=0.01)
        there = await start(redis_url=own_redis.url, exclusion_cache_poll_seconds=0.01)
        taken_back = [{**event("ann", film), "event_id": f"film-{film}"} for film in (0, 1)]
        await send(here, event("ann", 2), *taken_back)
        assert (await here.delete("/v1/events/film-0")).status_code == 200
        await proxy.cut()
        assert (await here.delete("/v1/events/film-1")).status_code == 200
        await proxy.open()

        async def read_again() -> bool:
            with redis.Redis.from_url(own_redis.url) as store:
                packed = store.get(exclusions_key(UserId("ann")))
            return len(UserExclusions.unpack(packed).exclusions.seen) == 1

        await until(read_again)
        gate.shut()

        async def received() -> bool:
            return await fallback(there, "ann", limit=3) == [0, 1, 3]

        await until(received)
    with redis.Redis.from_url(own_redis.url) as store:
        assert None not in notifications_of("ann", store)


async def test_a_forgotten_user_is_a_stranger_in_every_process(
    start: Start, run_id: int, gate: Gate, redis_url: str
) -> None:
    here, there = [await start(exclusion_cache_poll_seconds=0.01) for _ in "ab"]
    await send(here, event("ann", 0))
    for client in (here, there):
        await recommended(client, "ann")
    assert (await here.delete("/v1/users/ann")).status_code == 200
    with redis.Redis.from_url(redis_url) as store:
        assert not store.exists(exclusions_key(UserId("ann")))
    gate.shut()
    assert await fallback(here, "ann", limit=2) == [0, 1]

    async def received() -> bool:
        return await fallback(there, "ann", limit=2) == [0, 1]

    await until(received)


async def test_a_read_that_waits_in_vain_leaves_out_what_another_process_recorded(
    start: Start, run_id: int, engine: Engine
) -> None:
    here, there = [await start(request_budget_seconds=1.0) for _ in "ab"]
    await send(here, event("ann", 0))
    with engine.connect() as locker:
        locker.execute(text("lock table interactions in access exclusive mode"))
        assert await fallback(there, "ann", limit=2) == [1, 2]
