"""DELETE /v1/events/{event_id}; and what it has in common with DELETE /v1/users/{user_id}."""

import json
import logging

import httpx
import pytest
import redis
import structlog
from sqlalchemy import Engine, text

from tests.events import user_no_of
from tests.passes import store_live_vector
from tests.serving.conftest import Gate, Seeds, counts, event, faults, ids, recommended, send
from tests.serving.taking_back import delete_event, forget
from tests.small_run import publish_small_run


@pytest.fixture
def ann(seeds: Seeds) -> int:
    return seeds.listed_user("ann", popular=range(20, 30))


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
    assert counts(again) == (0, 1)
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
    assert answer.json()["strategy"] == "speed"
    assert ids(answer)[0] == "film-0"
    assert [item["because"] for item in answer.json()["items"]] == [[]] * 5


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
    lines = json.dumps(logs, default=str) + "".join(map(logging.Formatter().format, records))
    assert "jane" not in lines
    assert len(logs) >= 10


async def test_the_documentation_tells_all_that_the_two_routes_may_answer(
    client: httpx.AsyncClient,
) -> None:
    paths = (await client.get("/openapi.json")).json()["paths"]
    deleting = paths["/v1/events/{event_id}"]["delete"]["responses"]
    assert {"200", "401", "403", "404", "422", "503"} <= set(deleting)
    forgetting = paths["/v1/users/{user_id}"]["delete"]["responses"]
    assert {"200", "401", "403", "422", "503"} <= set(forgetting)
