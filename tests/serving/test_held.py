"""With PostgreSQL away nobody is shown what they have seen, as far as anything alive knows it."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
import redis
from sqlalchemy import Engine, func, text, update

from serving.keys import generate_key
from serving.repositories.exclusions import RememberedUser
from serving.repositories.remembered import CHANGES
from sql import tables
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
from tests.serving.locking import vectors_locked, waiting
from tests.toxic import toxic


@pytest.fixture
def run_id(seeds: Seeds) -> int:
    """A run in which the films are popular in their order."""
    return seeds.run(popular={"": [(no, 30.0 - n) for n, no in enumerate(seeds.film_nos)]})


async def held(client: httpx.AsyncClient, user: str, **query: Any) -> list[int]:
    """The films of an answer from the held list."""
    answer = await recommended(client, user, **query)
    shown = [int(item_id.removeprefix("film-")) for item_id in ids(answer)]
    assert answer.json()["source"] == answer.json()["level"] == "held", answer.text
    return shown


ONLY_TOLD: dict[str, Any] = {"request_budget_seconds": 1.0, "remembered_poll_seconds": 3600}
"""A process that does not read again what was recorded because Redis went."""


async def told_without_the_log(
    engine: Engine, client: httpx.AsyncClient, expected: list[int]
) -> None:
    """Return when ann is shown these first by a process that cannot read what was recorded."""
    with engine.connect() as locker:
        locker.execute(text("lock table interactions in access exclusive mode"))

        async def told() -> bool:
            return await held(client, "ann", limit=len(expected)) == expected

        await until(told)


async def test_what_the_last_state_excluded_stays_out(
    run_id: int, client: httpx.AsyncClient, gate: Gate
) -> None:
    await send(client, event("ann", 0), event("ann", 1, "dislike"), event("ann", 2, "hide"))
    await recommended(client, "ann")
    gate.shut()
    assert await held(client, "ann", limit=3) == [3, 4, 5]
    assert await held(client, "ann", limit=3, exclude_seen=False) == [0, 3, 4]
    assert await held(client, "stranger", limit=3) == [0, 1, 2]


async def test_an_event_of_a_user_never_asked_for_counts(
    run_id: int, client: httpx.AsyncClient, gate: Gate
) -> None:
    assert (await send(client, event("ann", 0), event("ann", 1, "click"))).status_code == 202
    gate.shut()
    assert await held(client, "ann", limit=2) == [1, 2]


async def test_a_list_is_as_long_as_asked_for_after_what_was_seen_is_left_out(
    run_id: int, client: httpx.AsyncClient, gate: Gate
) -> None:
    await send(client, *[event("ann", n) for n in range(25)])
    gate.shut()
    assert await held(client, "ann", limit=5) == [25, 26, 27, 28, 29]


async def test_what_one_process_recorded_every_process_knows(
    start: Start, run_id: int, gate: Gate, own_redis: OwnRedis
) -> None:
    here, there = [await start(redis_url=own_redis.url, remembered_poll_seconds=0.01) for _ in "ab"]
    await send(here, event("ann", 0))
    gate.shut()
    assert await held(there, "ann", limit=1) == [1]
    own_redis.kill()
    assert await held(here, "ann", limit=1) == [1]
    assert await held(there, "ann", limit=1) == [1], "told while Redis was alive"


async def test_a_process_that_answered_from_the_cache_knows_the_user(
    start: Start, run_id: int, gate: Gate, own_redis: OwnRedis
) -> None:
    here = await start(redis_url=own_redis.url)
    await send(here, event("ann", 0))
    await recommended(here, "ann")
    there = await start(redis_url=own_redis.url, remembered_poll_seconds=3600)
    assert (await recommended(there, "ann")).json()["source"] == "cache"
    gate.shut()
    own_redis.kill()
    assert await held(there, "ann", limit=1) == [1]


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
    assert await held(fresh, "ann", limit=3) == [1, 2, 3]
    assert (await recommended(fresh, "ann", limit=3)).json()["run"]["id"] == run_id
    assert ids(await fresh.get("/v1/popular?limit=1")) == ["film-0"]
    refused = await send(fresh, event("ann", 1))
    assert refused.status_code == 503, "whether this key may write is not known"
    fresh.headers["X-API-Key"] = generate_key()[0]
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
            copied = store.get("tandem:held:readers") == b"[]"
        return copied and (await client.get("/v1/popular")).status_code == 401

    await until(refused)
    gate.shut()
    fresh = await start()
    assert (await fresh.get("/v1/popular")).status_code == 503


async def test_redis_that_lost_everything_is_told_again(
    start: Start, run_id: int, gate: Gate, own_redis: OwnRedis
) -> None:
    client = await start(
        redis_url=own_redis.url, remembered_poll_seconds=0.05, popular_refresh_seconds=0.05
    )
    await send(client, event("ann", 0))
    own_redis.kill()
    assert (await send(client, event("ann", 1))).status_code == 202
    own_redis.start()
    with redis.Redis.from_url(own_redis.url) as store:

        async def told() -> bool:
            kept = store.get("tandem:remembered:ann")
            complete = kept is not None and len(kept) >= 3 * 4
            return bool(
                complete and store.exists("tandem:held:popular", "tandem:held:readers") == 2
            )

        await until(told)
    gate.shut()
    fresh = await start(redis_url=own_redis.url)
    assert await held(fresh, "ann", limit=2) == [2, 3]


async def test_a_state_read_before_an_event_does_not_take_it_back(
    start: Start, seeds: Seeds, engine: Engine, gate: Gate
) -> None:
    ann, films = seeds.user("ann"), seeds.film_nos
    seeds.run(
        vectors={no: (1.0, float(n)) for n, no in enumerate(films)},
        users={ann: ((0.0, 1.0), 0)},
        popular={"": [(no, 30.0 - n) for n, no in enumerate(films)]},
    )
    here, there = await start(), await start(remembered_poll_seconds=3600)
    with vectors_locked(engine):
        stale = asyncio.create_task(recommended(here, "ann", limit=9))
        await waiting(engine, 1)
        assert (await send(here, event("ann", 0))).status_code == 202
    await stale
    gate.shut()
    assert await held(here, "ann", limit=1) == [1]
    assert await held(there, "ann", limit=1) == [1]


async def test_an_event_taken_back_in_one_process_excludes_nothing_in_another(
    start: Start, run_id: int, gate: Gate
) -> None:
    here, there = [await start(remembered_poll_seconds=0.01) for _ in "ab"]
    await send(here, event("ann", 0, event_id="taken-back"), event("ann", 1))
    for client in (here, there):
        await recommended(client, "ann")
    assert (await here.delete("/v1/events/taken-back")).status_code == 200
    await recommended(here, "ann", limit=4)
    gate.shut()
    assert await held(here, "ann", limit=3) == [0, 2, 3]

    async def heard() -> bool:
        return await held(there, "ann", limit=3) == [0, 2, 3]

    await until(heard)


def told_of(user: str, store: redis.Redis) -> list[Any]:
    """What the processes told each other of a user, in order."""
    changes = store.xrange(CHANGES)
    return [told[user] for _, change in changes if user in (told := orjson.loads(change[b"told"]))]


async def test_while_an_event_is_taken_back_no_process_ever_knows_nothing_of_the_user(
    start: Start, run_id: int, gate: Gate, own_redis: OwnRedis, short_folder: Path
) -> None:
    socket = short_folder / "cut-redis.sock"
    async with toxic(str(socket), own_redis.url.removeprefix("unix://")) as proxy:
        here = await start(redis_url=f"unix://{socket}", remembered_poll_seconds=0.01)
        there = await start(redis_url=own_redis.url, remembered_poll_seconds=0.01)
        taken_back = [{**event("ann", film), "event_id": f"film-{film}"} for film in (0, 1)]
        await send(here, event("ann", 2), *taken_back)
        assert (await here.delete("/v1/events/film-0")).status_code == 200
        await proxy.cut()
        assert (await here.delete("/v1/events/film-1")).status_code == 200
        await proxy.open()

        async def read_again() -> bool:
            with redis.Redis.from_url(own_redis.url) as store:
                packed = store.get("tandem:remembered:ann")
            return len(RememberedUser.unpack(packed).exclusions.seen) == 1

        await until(read_again)
        gate.shut()

        async def heard() -> bool:
            return await held(there, "ann", limit=3) == [0, 1, 3]

        await until(heard)
    with redis.Redis.from_url(own_redis.url) as store:
        assert None not in told_of("ann", store)


async def test_a_forgotten_user_is_a_stranger_in_every_process(
    start: Start, run_id: int, gate: Gate, redis_url: str
) -> None:
    here, there = [await start(remembered_poll_seconds=0.01) for _ in "ab"]
    await send(here, event("ann", 0))
    for client in (here, there):
        await recommended(client, "ann")
    assert (await here.delete("/v1/users/ann")).status_code == 200
    with redis.Redis.from_url(redis_url) as store:
        assert not store.exists("tandem:remembered:ann")
    gate.shut()
    assert await held(here, "ann", limit=2) == [0, 1]

    async def heard() -> bool:
        return await held(there, "ann", limit=2) == [0, 1]

    await until(heard)


async def test_an_item_no_longer_available_leaves_the_held_list_at_once(
    start: Start, run_id: int, gate: Gate
) -> None:
    client = await start(popular_refresh_seconds=3600)
    gone = await client.put("/v1/items/film-0", json={"title": "Gone", "available": False})
    assert gone.status_code == 200
    gate.shut()
    assert await held(client, "ann", limit=2) == [1, 2]


async def test_a_user_who_took_an_event_back_is_not_shown_the_rest_of_what_they_have_seen(
    run_id: int, client: httpx.AsyncClient, gate: Gate
) -> None:
    await send(client, event("ann", 0), {**event("ann", 1), "event_id": "second"})
    assert (await client.delete("/v1/events/second")).status_code == 200
    gate.shut()
    assert await held(client, "ann", limit=2) == [1, 2]


async def test_a_new_process_knows_who_came_lately_though_redis_has_lost_everything(
    start: Start, run_id: int, gate: Gate, own_redis: OwnRedis
) -> None:
    first = await start(redis_url=own_redis.url)
    await send(first, event("ann", 0), event("bob", 1, "dislike"))
    with redis.Redis.from_url(own_redis.url) as store:
        store.flushall()
    fresh = await start(redis_url=own_redis.url)
    gate.shut()
    assert await held(fresh, "ann", limit=2) == [1, 2]
    assert await held(fresh, "bob", limit=2, exclude_seen=False) == [0, 2]
    own_redis.kill()
    assert await held(fresh, "ann", limit=2) == [1, 2]


async def test_until_an_undo_can_be_read_again_too_much_is_remembered_and_not_too_little(
    start: Start, run_id: int, engine: Engine, gate: Gate
) -> None:
    client = await start(write_budget_seconds=1.0, remembered_poll_seconds=3600)
    await send(client, event("ann", 0), {**event("ann", 1), "event_id": "second"})
    with engine.connect() as locker:
        locker.execute(text("lock table event_kinds in access exclusive mode"))
        assert (await client.delete("/v1/events/second")).status_code == 200
    gate.shut()
    assert await held(client, "ann", limit=2) == [2, 3]


async def test_without_redis_the_processes_tell_each_other_through_postgresql(
    start: Start, run_id: int, engine: Engine, gate: Gate, own_redis: OwnRedis
) -> None:
    here, there = [await start(redis_url=own_redis.url, **ONLY_TOLD) for _ in "ab"]
    own_redis.kill()
    assert (await send(here, event("ann", 0), event("ann", 1, "hide"))).status_code == 202
    await told_without_the_log(engine, there, [2, 3])
    gate.shut()
    assert await held(there, "ann", limit=2) == [2, 3]
    assert await held(there, "ann", limit=2, exclude_seen=False) == [0, 2]


@pytest.mark.usefixtures("run_id")
async def test_who_reaches_redis_again_tells_those_who_do_not_yet(
    start: Start, engine: Engine, gate: Gate, own_redis: OwnRedis, short_folder: Path
) -> None:
    own, other = (str(short_folder / name) for name in ("own.sock", "other.sock"))
    target = own_redis.url.removeprefix("unix://")
    async with toxic(own, target) as proxy, toxic(other, target) as others:
        here = await start(redis_url=f"unix://{own}", redis_heartbeat_seconds=0.5)
        there = await start(redis_url=f"unix://{other}", redis_heartbeat_seconds=0.5, **ONLY_TOLD)
        await others.cut()
        await proxy.cut()
        assert (await send(here, event("ann", 0))).status_code == 202
        await proxy.open()

        async def reached() -> bool:
            return bool((await here.get("/readyz")).json()["redis"] == "reachable")

        await until(reached)
        assert (await send(here, event("ann", 1))).status_code == 202
        await told_without_the_log(engine, there, [2, 3])
        gate.shut()
        assert await held(there, "ann", limit=2) == [2, 3]


async def test_a_read_that_waits_in_vain_leaves_out_what_another_process_recorded(
    start: Start, run_id: int, engine: Engine
) -> None:
    here, there = [await start(request_budget_seconds=1.0) for _ in "ab"]
    await send(here, event("ann", 0))
    with engine.connect() as locker:
        locker.execute(text("lock table interactions in access exclusive mode"))
        assert await held(there, "ann", limit=2) == [1, 2]


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


async def test_a_process_that_listens_again_first_reads_what_it_was_not_told(
    start: Start, run_id: int, seeds: Seeds, gate: Gate, own_redis: OwnRedis
) -> None:
    here, there = [await start(redis_url=own_redis.url, breaker_open_seconds=3600.0) for _ in "ab"]
    own_redis.kill()
    gate.shut()
    assert await held(there, "ann", limit=2) == [0, 1]
    gate.open()

    async def acknowledged() -> bool:
        return (await send(here, {**event("ann", 0), "event_id": "once"})).status_code == 202

    await until(acknowledged)
    gate.shut()
    assert await held(there, "ann", limit=2) == [1, 2]
