"""The cache is never wrong, and never needed."""

import asyncio
import signal

import httpx
import pytest
import redis
import structlog
from sqlalchemy import Engine

from domain.identifiers import UserNo
from domain.redis_keys import user_entry
from tests.serving.conftest import (
    OwnRedis,
    Seeds,
    Start,
    event,
    ids,
    recommended,
    send,
    until,
)
from tests.serving.locking import READ_APART, vectors_locked, waiting
from tests.waiting import statements_waiting


@pytest.fixture
def ann(seeds: Seeds) -> int:
    return seeds.listed_user("ann")


async def test_an_answer_from_the_cache_is_new_in_id_and_time_only(
    client: httpx.AsyncClient, ann: int
) -> None:
    first = (await recommended(client, "ann", limit=8)).json()
    second = (await recommended(client, "ann", limit=8)).json()
    assert second["source"] == "cache"
    assert second["strategy"] == first["source"] == "blend"
    assert second["recommendation_id"] != first["recommendation_id"]
    assert second["generated_at"] > first["generated_at"]
    assert second["run"]["age_seconds"] > first["run"]["age_seconds"]
    for field in ("items", "policy", "user_id"):
        assert second[field] == first[field]


async def test_other_parameters_are_another_answer(client: httpx.AsyncClient, ann: int) -> None:
    for query in ({"limit": 5}, {"limit": 6}, {"limit": 5, "exclude_seen": False}):
        assert (await recommended(client, "ann", **query)).json()["source"] == "blend"
        assert (await recommended(client, "ann", **query)).json()["source"] == "cache"


async def test_what_another_version_of_tandem_has_cached_is_made_anew(
    client: httpx.AsyncClient, ann: int, redis_url: str
) -> None:
    first = await recommended(client, "ann", limit=5)
    with redis.Redis.from_url(redis_url) as store:
        entries = store.hgetall(user_entry(UserNo(ann)))
        for field, entry in entries.items():
            seal, _, rest = entry.partition(b"|")
            if rest:
                old = rest.split(b" ")[0] + b' {"strategy": "what is no list of this version"}'
                store.hset(user_entry(UserNo(ann)), field, seal + b"|" + old)
    second = await recommended(client, "ann", limit=5)
    assert ids(second) == ids(first)
    assert second.json()["source"] == "blend"


async def test_cached_answers_expire(client: httpx.AsyncClient, ann: int, redis_url: str) -> None:
    await recommended(client, "ann", limit=5)
    with redis.Redis.from_url(redis_url) as store:
        store.expire(user_entry(UserNo(ann)), 30)
        await recommended(client, "ann", limit=6)
        assert store.hlen(user_entry(UserNo(ann))) == 2
        assert 0 < store.ttl(user_entry(UserNo(ann))) <= 30


async def test_concurrent_misses_compute_once(start: Start, engine: Engine, ann: int) -> None:
    client = await start(redis_timeout_seconds=2.0)
    await recommended(client, "ann", limit=3)
    with vectors_locked(engine):
        requests = [asyncio.create_task(recommended(client, "ann", limit=9)) for _ in range(8)]
        await waiting(engine, 1)

        async def all_missed() -> bool:
            metrics = await client.get("/metrics")
            return 'serving_cache_total{outcome="miss"} 9.0' in metrics.text

        await until(all_missed)
        # The memory of items may wait beside it: it reads their vectors.
        assert statements_waiting(engine, "user_no") == 1
    answers = await asyncio.gather(*requests)
    assert len({tuple(ids(answer)) for answer in answers}) == 1
    assert len({answer.json()["recommendation_id"] for answer in answers}) == 8


async def test_an_answer_read_before_an_event_is_neither_kept_nor_shared_after_it(
    client: httpx.AsyncClient, engine: Engine, ann: int
) -> None:
    with vectors_locked(engine):
        stale = asyncio.create_task(recommended(client, "ann", limit=9, **READ_APART))
        await waiting(engine, 1)
        assert (await send(client, event("ann", 0))).status_code == 202
        fresh = asyncio.create_task(recommended(client, "ann", limit=9, **READ_APART))
        await waiting(engine, 2)
    assert "film-0" in ids(await stale)
    assert "film-0" not in ids(await fresh)
    assert "film-0" not in ids(await recommended(client, "ann", limit=9, **READ_APART))


async def test_redis_may_be_killed_and_come_back(
    start: Start, ann: int, own_redis: OwnRedis
) -> None:
    client = await start(redis_url=own_redis.url)
    await recommended(client, "ann", limit=5)
    assert (await recommended(client, "ann", limit=5)).json()["source"] == "cache"
    own_redis.kill()
    with structlog.testing.capture_logs() as logs:
        for _ in range(5):
            assert (await recommended(client, "ann", limit=5)).json()["source"] == "blend"
        assert (await send(client, event("ann", 0))).status_code == 202
    assert [log["event"] for log in logs].count("redis_away") == 1
    assert "film-0" not in ids(await recommended(client, "ann", limit=5))
    own_redis.start()

    async def cached() -> bool:
        return bool((await recommended(client, "ann", limit=5)).json()["source"] == "cache")

    await until(cached)
    assert "film-0" not in ids(await recommended(client, "ann", limit=5))
    errors = [
        line for line in (await client.get("/metrics")).text.splitlines()
        if line.startswith('serving_cache_total{outcome="error"}')
    ]  # fmt: skip
    assert float(errors[0].split()[1]) > 0


async def test_answers_kept_before_a_drop_that_redis_missed_do_not_count(
    start: Start, ann: int, own_redis: OwnRedis
) -> None:
    client = await start(redis_url=own_redis.url)
    await recommended(client, "ann", limit=5)
    assert "film-0" in ids(await recommended(client, "ann", limit=5))
    assert own_redis.process is not None
    own_redis.process.send_signal(signal.SIGSTOP)
    try:
        assert (await send(client, event("ann", 0))).status_code == 202
        assert "film-0" not in ids(await recommended(client, "ann", limit=5))
    finally:
        own_redis.process.send_signal(signal.SIGCONT)

    async def cached() -> bool:
        answer = await recommended(client, "ann", limit=5)
        assert "film-0" not in ids(answer)
        return bool(answer.json()["source"] == "cache")

    await until(cached)
