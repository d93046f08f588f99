"""DELETE /v1/events/{event_id} and DELETE /v1/users/{user_id}."""

import asyncio
import json
import logging
from urllib.parse import quote

import httpx
import pytest
import redis
import structlog
from sqlalchemy import Engine, text

from tests.events import user_no_of
from tests.removals import rows_of_user
from tests.serving.conftest import (
    Gate,
    OwnRedis,
    Seeds,
    Start,
    event,
    faults,
    ids,
    recommended,
    send,
    until,
)
from tests.serving.test_because import store_live_vector
from tests.serving.test_cached_answers import vectors_locked
from tests.serving.test_cached_answers import waiting as waiting_for_vectors
from tests.small_run import publish_small_run


@pytest.fixture
def ann(seeds: Seeds) -> int:
    """A user with films 0 to 4 in the batch list and vectors for 0 to 9."""
    user_no, f = seeds.user("ann"), seeds.film_nos
    seeds.run(
        batch={user_no: [(f[n], 10.0 - n) for n in range(5)]},
        vectors={f[n]: (1.0, float(n)) for n in range(10)},
        users={user_no: ((0.0, 1.0), 0)},
        popular={"": [(f[n], 30.0 - n) for n in range(20, 30)]},
    )
    return user_no


async def delete_event(client: httpx.AsyncClient, event_id: str) -> httpx.Response:
    return await client.delete(f"/v1/events/{quote(event_id, safe='')}")


async def forget(client: httpx.AsyncClient, user_id: str) -> httpx.Response:
    return await client.delete(f"/v1/users/{quote(user_id, safe='')}")


def keys_of(redis_url: str, user_id: str, user_no: int) -> list[str]:
    """Keys and values in Redis that name a user, but for the bare count of drops."""
    with redis.Redis.from_url(redis_url, decode_responses=False) as store:
        names = [key.decode() for key in store.scan_iter()]
    return [name for name in names if name.endswith((f":{user_id}", f"answers:{user_no}"))]


async def test_a_deleted_event_no_longer_excludes_its_item(
    client: httpx.AsyncClient, ann: int
) -> None:
    await send(client, event("ann", 0, event_id="view-1"), event("ann", 9, "dislike", event_id="d"))
    for _ in range(2):
        assert {"film-0", "film-9"}.isdisjoint(ids(await recommended(client, "ann", limit=9)))
    answer = await delete_event(client, "view-1")
    assert (answer.status_code, answer.json()["deleted"]) == (200, True)
    assert "film-0" in ids(await recommended(client, "ann", limit=9))
    await delete_event(client, "d")
    assert "film-9" in ids(await recommended(client, "ann", limit=20))


async def test_deleting_an_event_twice_is_harmless_and_tells_when_it_was(
    client: httpx.AsyncClient, seeds: Seeds
) -> None:
    odd = "order 1 / line 1?#%2F ü"
    await send(client, event("ann", 1, event_id=odd), event("ann", 1))
    first, second = await delete_event(client, odd), await delete_event(client, odd)
    assert first.json()["event_id"] == odd
    assert (first.json()["deleted"], second.json()["deleted"]) == (True, False)
    assert second.json()["deleted_at"] == first.json()["deleted_at"]
    assert seeds.count("interactions") == 1
    again = await send(client, event("ann", 1, event_id=odd))
    assert again.json() == {"accepted": 0, "duplicates": 1}
    assert seeds.count("interactions") == 1


async def test_an_event_that_was_never_received_is_not_found(
    client: httpx.AsyncClient, seeds: Seeds
) -> None:
    answer = await delete_event(client, "never")
    assert answer.status_code == 404
    assert answer.json()["type"] == "urn:tandem:problem:unknown-event"
    assert "'never'" in answer.json()["detail"]
    assert seeds.count("event_deletions") == 0
    assert (await send(client, event("ann", 1, event_id="never"))).json()["accepted"] == 1
    for bad in ("/v1/events/", "/v1/users/", "/v1/events/" + "a" * 201, "/v1/users/a%00b"):
        refused = await client.delete(bad)
        assert refused.status_code == 422, bad
        assert next(iter(faults(refused))).startswith("path:")


async def test_the_speed_worker_is_woken_by_a_deletion(
    client: httpx.AsyncClient, wakes: redis.client.PubSub
) -> None:
    await send(client, event("ann", 1, event_id="once"))
    assert wakes.get_message(timeout=5) is not None
    await delete_event(client, "once")
    assert wakes.get_message(timeout=5) is not None


async def test_a_key_that_may_only_read_deletes_nothing(
    client: httpx.AsyncClient, seeds: Seeds, ann: int
) -> None:
    await send(client, event("ann", 1, event_id="kept"))
    client.headers["X-API-Key"] = seeds.key("read", name="reader")
    assert (await delete_event(client, "kept")).status_code == 403
    assert (await forget(client, "ann")).status_code == 403
    assert seeds.count("interactions") == seeds.count("users") == 1


async def test_a_list_can_be_explained_before_the_vector_knows_that_its_only_cause_was_deleted(
    client: httpx.AsyncClient, engine: Engine, film_nos: list[int]
) -> None:
    await send(client, event("ann", 0, event_id="only"))
    with engine.begin() as connection:
        run_id = publish_small_run(connection, film_nos)
        store_live_vector(connection, run_id, user_no_of(connection, "ann"))
    await delete_event(client, "only")
    answer = await recommended(client, "ann", limit=5, explain=True)
    assert answer.json()["level"] == "speed"
    assert ids(answer)[0] == "film-0"
    assert [item["because"] for item in answer.json()["items"]] == [[]] * 5


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
            "impressions": 3,
            "recommendation_lists": 1,
            "interests": 0,
            "user_embeddings": 1,
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
    one, other = await start(), await start()
    before = [ids(await recommended(client, "ann", limit=5)) for client in (one, other)]
    assert before[0] == before[1]
    await forget(one, "ann")
    for client in (one, other):
        answer = await recommended(client, "ann", limit=5)
        assert answer.json()["source"] == "popular"
        assert ids(answer) == [f"film-{n}" for n in range(20, 25)]
    assert seeds.count("users") == 0


async def test_whoever_comes_back_is_a_new_user_in_processes_that_remember_the_old_number(
    start: Start, engine: Engine, seeds: Seeds, ann: int
) -> None:
    one, other = await start(), await start()
    for client in (one, other):
        await recommended(client, "ann", limit=5)
    await forget(one, "ann")
    assert (await send(one, event("ann", 21))).status_code == 202
    for client in (one, other):
        for _ in range(2):
            answer = await recommended(client, "ann", limit=5)
            assert answer.json()["level"] == "popular"
            assert ids(answer) == [f"film-{n}" for n in (20, 22, 23, 24, 25)]
    with engine.connect() as connection:
        assert rows_of_user(connection, ann) == {"forgotten_users": 1}


async def test_an_answer_that_was_being_made_is_not_kept_of_a_forgotten_user(
    client: httpx.AsyncClient, engine: Engine, ann: int, redis_url: str
) -> None:
    with vectors_locked(engine):
        stale = asyncio.create_task(recommended(client, "ann", limit=9))
        await waiting_for_vectors(engine, 1)
        assert (await forget(client, "ann")).status_code == 200
    assert (await stale).status_code == 200
    assert keys_of(redis_url, "ann", ann) == []
    assert (await recommended(client, "ann", limit=9)).json()["source"] == "popular"


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
    assert again.json() == {"accepted": 0, "duplicates": 2}
    assert seeds.count("users where user_id = 'ann'") == 0
    assert keys_of(redis_url, "ann", ann) == []

    async def held() -> bool:
        return (await recommended(client, "nobody")).json()["source"] == "held"

    gate.shut()
    await until(held)
    assert "film-20" in ids(await recommended(client, "bob", limit=5))
    gate.open()


async def test_what_was_remembered_while_a_user_was_forgotten_goes_soon_after(
    start: Start, seeds: Seeds, ann: int, redis_url: str
) -> None:
    client = await start(write_budget_seconds=2.0)
    await send(client, event("bob", 1))
    for user in ("ann", "bob"):
        assert (await forget(client, user)).status_code == 200
    with redis.Redis.from_url(redis_url) as store:
        # As whoever recorded an event before would tell it now.
        for user in ("ann", "bob"):
            store.set(f"tandem:remembered:{user}", b"\0\0\0\0\1\0\0\0")
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


async def test_with_the_database_away_nothing_is_said_to_be_deleted(
    client: httpx.AsyncClient, seeds: Seeds, ann: int, gate: Gate
) -> None:
    await send(client, event("ann", 1, event_id="kept"))
    gate.shut()
    for answer in (await delete_event(client, "kept"), await forget(client, "ann")):
        assert answer.status_code == 503
        assert int(answer.headers["retry-after"]) >= 1
    gate.open()
    seeds.engine.dispose()
    assert seeds.count("interactions") == 1


async def test_no_log_line_names_a_user(
    client: httpx.AsyncClient, seeds: Seeds, caplog: pytest.LogCaptureFixture
) -> None:
    user = "jane.doe@example.org"
    with structlog.testing.capture_logs() as logs, caplog.at_level(logging.DEBUG):
        await send(client, event(user, 1, event_id=f"{user}/1"), event(user, 2, "stare"))
        await send(client, event(user, 1, event_id=f"{user}/1"))
        await recommended(client, user)
        await recommended(client, user, limit=-1)
        await delete_event(client, f"{user}/1")
        await delete_event(client, f"{user}/2")
        await forget(client, user)
        seeds.write(text("alter table interactions rename to elsewhere"))
        assert (await send(client, event(user, 1))).status_code == 500
        assert (await forget(client, user)).status_code == 500
    records = [record for record in caplog.records if record.name != "httpx"]
    said = json.dumps(logs, default=str) + "".join(map(logging.Formatter().format, records))
    assert "jane" not in said
    assert len(logs) >= 10


async def test_the_documentation_tells_all_that_the_two_routes_may_answer(
    client: httpx.AsyncClient,
) -> None:
    paths = (await client.get("/openapi.json")).json()["paths"]
    deleting = paths["/v1/events/{event_id}"]["delete"]["responses"]
    assert {"200", "401", "403", "404", "422", "503"} <= set(deleting)
    forgetting = paths["/v1/users/{user_id}"]["delete"]["responses"]
    assert {"200", "401", "403", "422", "503"} <= set(forgetting)
