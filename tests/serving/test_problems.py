"""Every error is a problem document; every request has an id."""

import re

import httpx
import structlog
from sqlalchemy import text

from tests.serving.conftest import Gate, Seeds, Start, event, faults, recommended, send


async def test_a_limit_out_of_range_is_refused_with_the_location(client: httpx.AsyncClient) -> None:
    for limit in (0, 101, -1, "many"):
        for path in ("/v1/users/ann/recommendations", "/v1/popular"):
            answer = await client.get(path, params={"limit": limit})
            assert answer.status_code == 422
            assert list(faults(answer)) == ["query:limit"]
            assert "limit" in answer.json()["detail"]


async def test_a_problem_says_all_that_rfc_9457_asks_for(client: httpx.AsyncClient) -> None:
    answer = await client.get("/v1/nothing", headers={"X-Request-ID": "my-id"})
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == {
        "type": "urn:tandem:problem:not-found",
        "title": "Not Found",
        "status": 404,
        "detail": "There is nothing at this path; /docs lists what there is.",
        "instance": "/v1/nothing",
        "request_id": "my-id",
    }


async def test_the_status_of_a_request_is_logged_as_a_number(client: httpx.AsyncClient) -> None:
    with structlog.testing.capture_logs() as logs:
        await client.get("/v1/items/nothing")
    assert [repr(entry["status"]) for entry in logs if entry["event"] == "request"] == ["404"]


async def test_a_wrong_method_is_a_problem_that_names_the_right_one(
    client: httpx.AsyncClient,
) -> None:
    answer = await client.put("/v1/events")
    assert answer.status_code == answer.json()["status"] == 405
    assert answer.headers["allow"] == "DELETE, GET, HEAD, POST"


async def test_a_request_id_is_kept_if_it_is_visible_text_and_else_replaced(
    client: httpx.AsyncClient,
) -> None:
    for given in ("a", "x" * 128, "trace/1:2"):
        answer = await client.get("/healthz", headers={"X-Request-ID": given})
        assert answer.headers["x-request-id"] == given
    for given in ("", "x" * 129, "a b", "é", "a\tb"):
        answer = await client.get("/healthz", headers={"X-Request-ID": given.encode()})
        assert re.fullmatch(r"[0-9a-f]{32}", answer.headers["x-request-id"])


async def test_an_error_nobody_foresaw_tells_nothing_of_the_inside(
    client: httpx.AsyncClient, seeds: Seeds
) -> None:
    seeds.write(text("drop table items cascade"))
    with structlog.testing.capture_logs() as logs:
        answer = await client.get("/v1/items/film-1", headers={"X-Request-ID": "lost"})
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["request_id"] == answer.headers["x-request-id"] == "lost"
    assert not re.search("select|sql|relation|psycopg", answer.text, re.IGNORECASE)
    events = [log["event"] for log in logs]
    assert events.index("request_failed") < events.index("request")


async def test_readiness_needs_the_database_and_only_reports_redis(
    start: Start, gate: Gate
) -> None:
    client = await start(redis_url="unix:///nowhere/redis.sock")
    ready = await client.get("/readyz")
    assert ready.status_code == 200
    assert ready.json()["redis"].startswith("away")
    assert ready.json()["degraded"] == "redis_away"
    made = (await recommended(client, "ann")).json()
    assert (made["strategy"], made["source"], made["degraded"]) == (
        "popular",
        "popular",
        "redis_away",
    )
    gate.shut()
    away = await client.get("/readyz")
    assert away.status_code == 503
    assert away.headers["content-type"] == "application/problem+json"
    assert (await client.get("/healthz")).json() == {"status": "alive"}
    assert (await client.head("/healthz")).status_code == 200


async def test_a_database_that_is_not_migrated_is_not_ready(
    client: httpx.AsyncClient, seeds: Seeds
) -> None:
    seeds.write(text("update alembic_version set version_num = '0000'"))
    answer = await client.get("/readyz")
    assert answer.status_code == 503
    assert "Migrate it" in answer.json()["detail"]


async def test_metrics_count_by_route_template_and_never_by_user(
    client: httpx.AsyncClient, seeds: Seeds
) -> None:
    await recommended(client, "ann-the-user")
    await send(client, event("ann-the-user", 1), event("ann-the-user", 2, event_id="a"))
    await send(client, event("ann-the-user", 2, event_id="a"))
    await recommended(client, "ann-the-user")
    await recommended(client, "ann-the-user")
    for path in ("/wp-admin", "/v1/secret", "/x" * 50, "/docs/wp-admin"):
        await client.get(path)
    await client.request("BREW", "/v1/events")
    await client.get("/openapi.json")
    text = (await client.get("/metrics")).text
    template = 'method="GET",route="/v1/users/{user_id}/recommendations",status="200"'
    for line in (
        f"serving_requests_total{{{template}}} 3.0",
        'serving_requests_total{method="POST",route="/v1/events",status="202"} 2.0',
        'serving_requests_total{method="GET",route="unmatched",status="404"} 3.0',
        'serving_requests_total{method="other",route="/v1/events",status="405"} 1.0',
        'serving_requests_total{method="GET",route="/openapi.json",status="200"} 1.0',
        'serving_requests_total{method="GET",route="/docs/{name}",status="404"} 1.0',
        'serving_answers_total{source="popular"} 2.0',
        'serving_answers_total{source="cache"} 1.0',
        'serving_cache_total{outcome="hit"} 1.0',
        'serving_cache_total{outcome="miss"} 2.0',
        'serving_events_total{outcome="accepted"} 2.0',
        'serving_events_total{outcome="duplicate"} 1.0',
        "serving_impressions_dropped_total 0.0",
    ):
        assert line in text.splitlines(), line
    assert "ann-the-user" not in text
    assert "wp-admin" not in text


async def test_the_documentation_has_keys_problems_and_examples(client: httpx.AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()
    schemes = document["components"]["securitySchemes"]
    assert schemes["X-API-Key"]["name"] == "X-API-Key"
    for path, methods in document["paths"].items():
        for operation in methods.values():
            if path.startswith("/v1"):
                # Whom each lets in is checked by test_access_matrix.
                assert {name for way in operation["security"] for name in way} <= schemes.keys()
                takes_something = "requestBody" in operation or operation.get("parameters")
                expected = {"503"} | ({"422"} if takes_something else set())
                if operation["security"]:
                    expected |= {"401", "403"}
                assert expected <= operation["responses"].keys()
                for status in expected:
                    problem = operation["responses"][status]["content"]
                    assert list(problem) == ["application/problem+json"]
    assert document["components"]["schemas"]["EventBody"]["examples"]
    assert "HTTPValidationError" not in document["components"]["schemas"]
    assert (await client.get("/docs")).status_code == 200
