"""DELETE /v1/users/{user_id}: whoever was forgotten is nowhere, in no process and no store."""

import asyncio

import httpx
import pytest
import redis
from sqlalchemy import Engine, text

from domain.identifiers import UserId
from domain.redis_keys import exclusions_key
from tests.removals import rows_of_user
from tests.serving.conftest import (
    Gate,
    OwnRedis,
    Seeds,
    Start,
    counts,
    event,
    ids,
    recommended,
    send,
    until,
)
from tests.serving.locking import READ_APART, vectors_locked
from tests.serving.locking import waiting as waiting_for_vectors
from tests.serving.taking_back import delete_event, forget, keys_of


@pytest.fixture
def ann(seeds: Seeds) -> int:
    return seeds.listed_user("ann", popular=range(20, 30))


async def test_a_forgotten_user_is_nowhere_and_what_went_is_counted(
    client: httpx.AsyncClient, engine: Engine, seeds: Seeds, ann: int, redis_url: str
) -> None:
    await send(client, event("ann", 0), event("ann", 1, event_id="undone"), event("bob", 0))
    await delete_event(client, "undone")
    for limit in (3, 4, 5):
        await recommended(client, "ann", limit=limit)

    async def shown() -> bool:
        return seeds.count("impressions") == 3

    await until(shown)
    answer = await forget(client, "ann")
    assert answer.status_code == 200
    assert answer.json() == {
        "user_id": "ann",
        "removed": {
            "users": 1,
            "interactions": 1,
            "event_deletions": 1,
            "history_changes": 0,
            "merged_ids": 0,
            "impressions": 3,
            "recommendation_lists": 1,
            "interests": 0,
            "preferences": 0,
            "user_embeddings": 1,
            "activity": 0,
            "experiments": 0,
            "accounts": 0,
            "sessions": 0,
            "kafka_rejects": 0,
            "loads": 0,
            "cached_answers": 3,
        },
    }
    with engine.connect() as connection:
        assert rows_of_user(connection, ann) == {"forgotten_users": 1}
        assert connection.execute(text("select user_id from users")).scalars().all() == ["bob"]
    assert keys_of(redis_url, "ann", ann) == []
    again = await forget(client, "ann")
    assert again.status_code == 200
    assert set(again.json()["removed"].values()) == {0}


async def test_a_forgotten_user_is_a_stranger_in_every_process_at_once(
    start: Start, seeds: Seeds, ann: int
) -> None:
    first, other = await start(), await start()
    before = [ids(await recommended(client, "ann", limit=5)) for client in (first, other)]
    assert before[0] == before[1]
    await forget(first, "ann")
    for client in (first, other):
        answer = await recommended(client, "ann", limit=5)
        assert answer.json()["strategy"] == "popular"
        assert ids(answer) == [f"film-{n}" for n in range(20, 25)]
    assert seeds.count("users") == 0


async def test_whoever_comes_back_is_a_new_user_in_processes_that_have_cached_the_old_number(
    start: Start, engine: Engine, seeds: Seeds, ann: int
) -> None:
    first, other = await start(), await start()
    for client in (first, other):
        await recommended(client, "ann", limit=5)
    await forget(first, "ann")
    assert (await send(first, event("ann", 21))).status_code == 202
    for client in (first, other):
        for _ in range(2):
            answer = await recommended(client, "ann", limit=5)
            assert answer.json()["strategy"] == "popular"
            assert ids(answer) == [f"film-{n}" for n in (20, 22, 23, 24, 25)]
    with engine.connect() as connection:
        assert rows_of_user(connection, ann) == {"forgotten_users": 1}


async def test_an_answer_that_was_being_made_is_not_kept_of_a_forgotten_user(
    client: httpx.AsyncClient, engine: Engine, ann: int, redis_url: str
) -> None:
    with vectors_locked(engine):
        stale = asyncio.create_task(recommended(client, "ann", limit=9, **READ_APART))
        await waiting_for_vectors(engine, 1)
        assert (await forget(client, "ann")).status_code == 200
    assert (await stale).status_code == 200
    assert keys_of(redis_url, "ann", ann) == []
    answer = await recommended(client, "ann", limit=9, **READ_APART)
    assert answer.json()["source"] == "popular"


async def test_impressions_that_were_still_to_be_written_are_not_written_of_a_forgotten_user(
    start: Start, seeds: Seeds, ann: int
) -> None:
    # Written once, when the app is asked for something only a later flush can bring.
    client = await start(impression_flush_seconds=0.5)
    for user in ("ann", "stranger"):
        await recommended(client, user, limit=5)
    await forget(client, "ann")
    await recommended(client, "stranger", limit=6)

    async def written() -> bool:
        return seeds.count("impressions where cardinality(item_nos) = 6") == 1

    await until(written)
    assert seeds.count("impressions where user_no is null") == 2
    assert seeds.count("impressions") == 2


async def test_a_retry_that_comes_late_leaves_nothing_of_what_was_taken_back(
    start: Start, seeds: Seeds, ann: int, gate: Gate, redis_url: str
) -> None:
    client = await start()
    undone = event("bob", 20, event_id="undone")
    await send(client, undone, event("bob", 21), event("ann", 22, event_id="hers"))
    await delete_event(client, "undone")
    await forget(client, "ann")
    again = await send(client, undone, event("ann", 22, event_id="hers"))
    assert counts(again) == (0, 2)
    assert seeds.count("users where user_id = 'ann'") == 0
    assert keys_of(redis_url, "ann", ann) == []

    async def fallback() -> bool:
        return (await recommended(client, "nobody")).json()["source"] == "fallback"

    gate.shut()
    await until(fallback)
    assert "film-20" in ids(await recommended(client, "bob", limit=5))
    gate.open()


async def test_what_was_cached_while_a_user_was_forgotten_goes_soon_after(
    start: Start, seeds: Seeds, ann: int, redis_url: str
) -> None:
    client = await start(write_budget_seconds=2.0)
    await send(client, event("bob", 1))
    for user in ("ann", "bob"):
        assert (await forget(client, user)).status_code == 200
    with redis.Redis.from_url(redis_url) as store:
        # As whoever recorded an event before would tell it now.
        for user in ("ann", "bob"):
            store.set(exclusions_key(UserId(user)), b"\0\0\0\0\1\0\0\0")
    assert (await send(client, event("bob", 2))).status_code == 202
    assert keys_of(redis_url, "ann", ann)

    async def gone() -> bool:
        return keys_of(redis_url, "ann", ann) == []

    await until(gone)
    assert keys_of(redis_url, "bob", 0), "bob is back"


async def test_with_redis_away_a_user_is_forgotten_and_the_answer_says_what_is_left_to_do(
    start: Start, ann: int, own_redis: OwnRedis
) -> None:
    client = await start(redis_url=own_redis.url)
    await recommended(client, "ann", limit=5)
    own_redis.kill()
    answer = await forget(client, "ann")
    assert answer.status_code == 200
    assert answer.json()["removed"]["cached_answers"] is None
    assert answer.json()["removed"]["users"] == 1
    assert (await recommended(client, "ann", limit=5)).json()["source"] == "popular"
    own_redis.start()

    async def reachable() -> bool:
        return (await client.get("/readyz")).json()["redis"] == "reachable"

    await until(reachable)
    assert (await recommended(client, "ann", limit=5)).json()["source"] == "popular"
