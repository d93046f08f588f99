"""With PostgreSQL away nobody is shown what they have seen, as far as anything alive knows it."""

import httpx
import pytest
import redis
from sqlalchemy import Engine, func, text, update

from domain.identifiers import UserId
from domain.redis_keys import exclusions_key
from serving.access.keys import generate_key
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
from tests.serving.fallback import fallback, publish_popular


@pytest.fixture
def run_id(seeds: Seeds) -> int:
    return publish_popular(seeds)


async def test_what_the_last_state_excluded_stays_out(
    run_id: int, client: httpx.AsyncClient, gate: Gate
) -> None:
    await send(client, event("ann", 0), event("ann", 1, "dislike"), event("ann", 2, "hide"))
    await recommended(client, "ann")
    gate.shut()
    assert await fallback(client, "ann", limit=3) == [3, 4, 5]
    assert await fallback(client, "ann", limit=3, exclude_seen=False) == [0, 3, 4]
    assert await fallback(client, "stranger", limit=3) == [0, 1, 2]


async def test_an_event_of_a_user_never_asked_for_counts(
    run_id: int, client: httpx.AsyncClient, gate: Gate
) -> None:
    assert (await send(client, event("ann", 0), event("ann", 1, "click"))).status_code == 202
    gate.shut()
    assert await fallback(client, "ann", limit=2) == [1, 2]


async def test_a_list_is_as_long_as_asked_for_after_what_was_seen_is_left_out(
    run_id: int, client: httpx.AsyncClient, gate: Gate
) -> None:
    await send(client, *[event("ann", n) for n in range(25)])
    gate.shut()
    assert await fallback(client, "ann", limit=5) == [25, 26, 27, 28, 29]


async def test_an_item_no_longer_available_leaves_the_fallback_at_once(
    start: Start, run_id: int, gate: Gate
) -> None:
    client = await start(popular_refresh_seconds=3600)
    gone = await client.put("/v1/items/film-0", json={"title": "Gone", "available": False})
    assert gone.status_code == 200
    gate.shut()
    assert await fallback(client, "ann", limit=2) == [1, 2]


async def test_a_user_who_took_an_event_back_is_not_shown_the_rest_of_what_they_have_seen(
    run_id: int, client: httpx.AsyncClient, gate: Gate
) -> None:
    await send(client, event("ann", 0), {**event("ann", 1), "event_id": "second"})
    assert (await client.delete("/v1/events/second")).status_code == 200
    gate.shut()
    assert await fallback(client, "ann", limit=2) == [1, 2]


async def test_until_an_undo_can_be_read_again_too_much_is_excluded_and_not_too_little(
    start: Start, run_id: int, engine: Engine, gate: Gate
) -> None:
    client = await start(write_budget_seconds=1.0, exclusion_cache_poll_seconds=3600)
    await send(client, event("ann", 0), {**event("ann", 1), "event_id": "second"})
    with engine.connect() as locker:
        locker.execute(text("lock table event_kinds in access exclusive mode"))
        assert (await client.delete("/v1/events/second")).status_code == 200
    gate.shut()
    assert await fallback(client, "ann", limit=2) == [2, 3]


async def test_a_process_started_without_the_database_serves_what_is_in_redis(
    start: Start, seeds: Seeds, run_id: int, gate: Gate
) -> None:
    client = await start()
    await send(client, event("ann", 0))
    cached = await recommended(client, "ann", limit=4)
    gate.shut()
    fresh = await start()
    again = await recommended(fresh, "ann", limit=4)
    assert again.json()["source"] == "cache"
    assert ids(again) == ids(cached)
    assert await fallback(fresh, "ann", limit=3) == [1, 2, 3]
    assert (await recommended(fresh, "ann", limit=3)).json()["run"]["id"] == run_id
    assert ids(await fresh.get("/v1/popular?limit=1")) == ["film-0"]
    refused = await send(fresh, event("ann", 1))
    assert refused.status_code == 503, "whether this key may write is not known"
    fresh.headers["X-API-Key"] = generate_key().key
    assert (await recommended(fresh, "ann")).status_code == 503
    gate.open()

    async def back() -> bool:
        return (await recommended(fresh, "ann")).status_code == 401

    await until(back)


async def test_a_revoked_key_does_not_read_in_a_process_started_without_the_database(
    start: Start, seeds: Seeds, run_id: int, gate: Gate, redis_url: str
) -> None:
    client = await start(api_key_seconds=0.05)
    seeds.write(update(tables.api_keys).values(revoked_at=func.now()))

    async def refused() -> bool:
        with redis.Redis.from_url(redis_url) as store:
            copied = store.get("tandem:fallback:readers") == b"[]"
        return copied and (await client.get("/v1/popular")).status_code == 401

    await until(refused)
    gate.shut()
    fresh = await start()
    assert (await fresh.get("/v1/popular")).status_code == 503


async def test_redis_that_lost_everything_is_given_it_again(
    start: Start, run_id: int, gate: Gate, own_redis: OwnRedis
) -> None:
    client = await start(
        redis_url=own_redis.url, exclusion_cache_poll_seconds=0.05, popular_refresh_seconds=0.05
    )
    await send(client, event("ann", 0))
    own_redis.kill()
    assert (await send(client, event("ann", 1))).status_code == 202
    own_redis.start()
    with redis.Redis.from_url(own_redis.url) as store:

        async def is_restored() -> bool:
            kept = store.get(exclusions_key(UserId("ann")))
            complete = kept is not None and len(kept) >= 3 * 4
            return bool(
                complete and store.exists("tandem:fallback:popular", "tandem:fallback:readers") == 2
            )

        await until(is_restored)
    gate.shut()
    fresh = await start(redis_url=own_redis.url)
    assert await fallback(fresh, "ann", limit=2) == [2, 3]


async def test_a_new_process_knows_who_came_lately_though_redis_has_lost_everything(
    start: Start, run_id: int, gate: Gate, own_redis: OwnRedis
) -> None:
    first = await start(redis_url=own_redis.url)
    await send(first, event("ann", 0), event("bob", 1, "dislike"))
    with redis.Redis.from_url(own_redis.url) as store:
        store.flushall()
    fresh = await start(redis_url=own_redis.url)
    gate.shut()
    assert await fallback(fresh, "ann", limit=2) == [1, 2]
    assert await fallback(fresh, "bob", limit=2, exclude_seen=False) == [0, 2]
    own_redis.kill()
    assert await fallback(fresh, "ann", limit=2) == [1, 2]
