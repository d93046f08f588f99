"""Operators over HTTP: runs are looked at and served again, answers made anew, settings shown."""

from collections.abc import Mapping
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine, text

from domain.identifiers import RunId
from serving.administration.settings_in_force import MASK
from serving.settings import ServingSettings
from tests.events import event as logged
from tests.events import record
from tests.serving.conftest import Gate, OwnRedis, Seeds, Start, event, ids, recommended, send
from tests.small_run import publish_small_run


@pytest.fixture
def two_runs(engine: Engine, film_nos: list[int]) -> tuple[RunId, RunId]:
    """An older run over all films and a newer one, which is served, over the first twenty."""
    with engine.begin() as connection:
        record(connection, [logged("ann", film_nos[0]), logged("bob", film_nos[25])])
        older = publish_small_run(connection, film_nos)
    with engine.begin() as connection:
        return older, publish_small_run(connection, film_nos[:20])


@pytest.fixture
async def operator(client: httpx.AsyncClient, seeds: Seeds) -> httpx.AsyncClient:
    client.headers["X-API-Key"] = seeds.key("read", "write", "users", "admin", name="operations")
    return client


async def listed(client: httpx.AsyncClient, **query: Any) -> tuple[list[tuple[int, bool]], Any]:
    answer = await client.get("/v1/admin/runs", params=query)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    return [(run["run_id"], run["live"]) for run in body["runs"]], body["next"]


async def test_runs_are_listed_and_shown_and_an_older_one_is_served_again(
    operator: httpx.AsyncClient, seeds: Seeds, two_runs: tuple[RunId, RunId]
) -> None:
    older, newer = two_runs
    assert await listed(operator) == ([(newer, True), (older, False)], None)
    assert await listed(operator, limit=1) == ([(newer, True)], newer)
    assert await listed(operator, before=newer) == ([(older, False)], None)
    shown = (await operator.get(f"/v1/admin/runs/{older}")).json()
    assert (shown["state"], "live_vector" in shown["parameters"]) == ("published", True)
    await send(operator, event("ann", 3))
    asked = await operator.get("/v1/admin/runs/rollback")
    assert (asked.status_code, asked.headers["allow"]) == (405, "POST")
    back = await operator.post("/v1/admin/runs/rollback", headers={"X-Request-ID": "asked"})
    assert (back.status_code, back.json()) == (200, {"run_id": older, "outcome": "served"})
    assert await listed(operator) == ([(newer, False), (older, True)], None)
    answer = await recommended(operator, "ann", limit=30)
    assert answer.json()["run"]["id"] == older
    # What happened since counts in the older run too.
    assert "film-3" not in ids(answer)
    with seeds.engine.connect() as connection:
        position = text(
            "select position from user_embeddings join users using (user_no)"
            " where run_id = :run_id and user_id = 'ann'"
        )
        known = connection.execute(position, {"run_id": older}).scalar_one()
        last = connection.execute(text("select max(position) from interactions")).scalar_one()
        assert known >= last
        entry = connection.execute(text("select actor, act, subject, request_id from audit_log"))
        assert tuple(entry.one()) == ("key operations", "serve run", f"run {older}", "asked")
    again = await operator.post("/v1/admin/runs/rollback")
    assert (again.status_code, "publish" in again.json()["detail"]) == (409, True)
    forward = await operator.post(f"/v1/admin/runs/{newer}/publish")
    assert forward.json() == {"run_id": newer, "outcome": "served"}


async def test_a_run_that_cannot_be_served_is_refused_with_the_reason(
    operator: httpx.AsyncClient, seeds: Seeds, two_runs: tuple[RunId, RunId]
) -> None:
    _, newer = two_runs
    live = await operator.post(f"/v1/admin/runs/{newer}/publish")
    assert (live.status_code, "being served already" in live.json()["detail"]) == (409, True)
    with seeds.engine.begin() as connection:
        refused = connection.execute(
            text(
                "insert into model_runs (state, cut_off_position, cut_off_at, reason)"
                " values ('refused', 0, now(), 'it is worse') returning run_id"
            )
        ).scalar_one()
    answer = await operator.post(f"/v1/admin/runs/{refused}/publish")
    assert (answer.status_code, "it is worse" in answer.json()["detail"]) == (409, True)
    for method, path in (("GET", "/v1/admin/runs/999"), ("POST", "/v1/admin/runs/999/publish")):
        assert (await operator.request(method, path)).status_code == 404
    assert (await listed(operator))[0][1] == (newer, True)


async def test_acts_need_the_role_and_postgresql(
    start: Start, seeds: Seeds, gate: Gate, two_runs: tuple[RunId, RunId]
) -> None:
    older, _ = two_runs
    client = await start()
    client.headers["X-API-Key"] = seeds.key("admin", name="operations")
    assert (await listed(client))[1] is None
    gate.shut()
    for method, path in (
        ("GET", "/v1/admin/runs"), ("POST", f"/v1/admin/runs/{older}/publish"),
        ("POST", "/v1/admin/runs/rollback"),
    ):  # fmt: skip
        answer = await client.request(method, path)
        assert (answer.status_code, "Try again" in answer.json()["detail"]) == (503, True), path
    # Nobody could put it on record: nothing is dropped.
    assert (await client.post("/v1/admin/refresh", json={})).status_code == 503


async def test_a_refresh_makes_answers_anew_in_every_process(start: Start, seeds: Seeds) -> None:
    seeds.listed_user("ann")
    first, second = await start(), await start()
    key = {"X-API-Key": seeds.key("admin", name="operations")}

    async def sources() -> list[str]:
        answers = [await recommended(client, "ann", limit=3) for client in (first, second)]
        return [answer.json()["source"] for answer in answers]

    await sources()
    assert await sources() == ["cache", "cache"]
    of_user = await first.post("/v1/admin/refresh", json={"user_id": "ann"}, headers=key)
    assert of_user.json() == {"dropped": 1, "redis_away": False}
    assert await sources() == ["blend", "cache"]
    everybody = await second.post("/v1/admin/refresh", json={}, headers=key)
    assert everybody.json() == {"dropped": None, "redis_away": False}
    assert await sources() == ["blend", "cache"]
    unknown = await first.post("/v1/admin/refresh", json={"user_id": "nobody"}, headers=key)
    assert unknown.status_code == 404
    with seeds.engine.connect() as connection:
        entries = connection.execute(text("select act, subject from audit_log order by audit_id"))
        assert [tuple(entry) for entry in entries] == [
            ("refresh answers", "user ann"),
            ("refresh answers", "all users"),
        ]


async def test_a_refresh_says_when_redis_is_away(
    start: Start, seeds: Seeds, own_redis: OwnRedis
) -> None:
    seeds.user("ann")
    client = await start(redis_url=own_redis.url)
    client.headers["X-API-Key"] = seeds.key("admin", name="operations")
    own_redis.kill()
    for body in ({"user_id": "ann"}, {}):
        answer = await client.post("/v1/admin/refresh", json=body)
        assert answer.json() == {"dropped": None, "redis_away": True}


async def test_settings_say_what_is_in_force_and_where_it_comes_from(
    start: Start, seeds: Seeds, database_url: str
) -> None:
    client = await start(blend_batch_weight=0.6, cors_origins=["https://shop.example"])
    client.headers["X-API-Key"] = seeds.key("admin", name="operations")
    answer = await client.get("/v1/admin/settings")
    settings: Mapping[str, Any] = {each["name"]: each for each in answer.json()["settings"]}
    assert list(settings) == sorted(settings)
    weight = settings["TANDEM_BLEND_BATCH_WEIGHT"]
    assert (weight["value"], weight["origin"]) == ("0.6", "environment")
    default = str(ServingSettings.model_fields["api_port"].default)
    port = settings["TANDEM_API_PORT"]
    assert (port["value"], port["origin"]) == (default, "default")
    assert settings["DATABASE_URL"]["value"] == MASK
    assert database_url not in answer.text
    assert settings["TANDEM_CORS_ORIGINS"]["value"] == "https://shop.example"


async def test_performance_counts_requests_cache_and_candidates(
    operator: httpx.AsyncClient, seeds: Seeds
) -> None:
    seeds.listed_user("ann")
    for _ in range(4):
        await recommended(operator, "ann")
    answer = (await operator.get("/v1/admin/performance")).json()
    assert (answer["processes"], answer["answering"]) == (1, 1)
    assert [window["minutes"] for window in answer["windows"]] == [1, 5, 15]
    for window in answer["windows"]:
        (route,) = [
            route for route in window["routes"]
            if route["route"] == "/v1/users/{user_id}/recommendations"
        ]  # fmt: skip
        assert (route["requests"], route["errors"]) == (4, 0)
        assert 0 < route["p50_ms"] <= route["p95_ms"] <= route["p99_ms"]
        assert (window["cache_hits"], window["cache_misses"]) == (3, 1)
        assert window["cache_hit_rate"] == 0.75
        assert (window["lists"], window["candidates_per_list"]) == (1, 10)
