"""What browsers, caches and others on the way may do with an answer is said in every one."""

import gzip
from collections.abc import Mapping

import httpx
import pytest

from serving.http.middleware import LEAST_BYTES, takes_gzip
from serving.settings import ServingSettings
from tests.serving.conftest import Gate, Seeds, Start, event, send

ALWAYS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",
}


def assert_guarded(headers: Mapping[str, str]) -> None:
    assert ALWAYS.items() <= dict(headers).items()
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "default-src 'none'" in headers["content-security-policy"]


async def test_personal_answers_are_kept_by_no_cache_and_errors_neither(
    client: httpx.AsyncClient,
) -> None:
    answers = [
        await client.get("/v1/users/ann"),
        await client.get("/v1/popular?limit=0"),
        await client.get("/v1/items/nowhere"),
        await client.get("/nowhere"),
        await client.put("/v1/users/ann", json={}),
        await client.delete("/v1/users/ann"),
        await client.delete("/healthz"),
        await client.get("/healthz"),
        await client.get("/metrics"),
        await send(client, event("ann", 1)),
        await client.post("/v1/events", content=b"x" * 6_000_000),
        await client.get("/v1/popular", headers={"X-API-Key": "wrong"}),
    ]
    for answer in answers:
        assert answer.headers["cache-control"] == "private, no-store", answer.url
        assert_guarded(answer.headers)


async def test_an_error_nobody_foresaw_is_guarded_too(
    client: httpx.AsyncClient, seeds: Seeds, gate: Gate
) -> None:
    gate.shut()
    answer = await client.get("/v1/items/film-1")
    assert answer.status_code == 503
    assert_guarded(answer.headers)


async def test_pages_may_be_kept_by_the_browser_alone(client: httpx.AsyncClient) -> None:
    for path in ("/docs", "/docs/swagger-ui.css", "/docs/start.js", "/docs/favicon.png"):
        answer = await client.get(path)
        assert answer.headers["cache-control"] == "private, max-age=3600"
        assert_guarded(answer.headers)


async def test_large_answers_are_smaller_for_those_who_take_gzip(
    client: httpx.AsyncClient,
) -> None:
    for path in ("/openapi.json", "/metrics", "/docs/swagger-ui-bundle.js"):
        plain = await client.get(path, headers={"Accept-Encoding": "identity"})
        async with client.stream("GET", path, headers={"Accept-Encoding": "gzip"}) as small:
            sent = b"".join([piece async for piece in small.aiter_raw()])
        assert "content-encoding" not in plain.headers
        assert small.headers["content-encoding"] == "gzip"
        assert small.headers["content-length"] == str(len(sent))
        assert len(sent) < len(plain.content) / 2, path
        if path in {"/openapi.json", "/docs/swagger-ui-bundle.js"}:
            assert gzip.decompress(sent) == plain.content
        for answer in (plain, small):
            assert answer.headers["vary"] == "Accept-Encoding", path
        head = await client.head(path, headers={"Accept-Encoding": "gzip"})
        assert (head.headers["content-encoding"], head.content) == ("gzip", b"")


async def test_small_answers_are_sent_as_they_are(client: httpx.AsyncClient) -> None:
    answer = await client.get("/healthz", headers={"Accept-Encoding": "gzip"})
    assert len(answer.content) < LEAST_BYTES
    assert "content-encoding" not in answer.headers


@pytest.mark.parametrize(
    ("accepted", "taken"),
    [
        ("gzip", True), ("deflate, GZIP;q=0.5", True), ("*", True), ("br, *;q=0.1", True),
        ("gzip;q=1.0", True), ("", False), ("identity", False), ("gzip;q=0", False),
        ("gzip; q=0.000, br", False), ("*;q=0", False), ("gzip;q=0, *", False), ("xgzip", False),
    ],
)  # fmt: skip
def test_gzip_is_sent_to_those_who_say_so(accepted: str, taken: bool) -> None:  # noqa: FBT001
    assert takes_gzip(accepted) is taken


@pytest.mark.parametrize(
    ("host", "who"),
    [
        ("127.0.0.1", "open"), ("127.1.2.3", "open"), ("::1", "open"), ("localhost", "open"),
        ("0.0.0.0", "admin"), ("::", "admin"), ("10.0.0.7", "admin"), ("tandem.example", "admin"),
        ("", "admin"),
    ],
)  # fmt: skip
def test_only_a_server_that_its_machine_alone_reaches_shows_all_to_everybody(
    host: str, who: str
) -> None:
    given = {"database_url": "postgresql://x", "redis_url": "redis://x", "api_host": host}
    exposure = ServingSettings(**given).exposure()
    assert (exposure.docs, exposure.metrics) == (who, who)
    chosen = ServingSettings(**given, api_docs="open", api_metrics="off").exposure()
    assert (chosen.docs, chosen.metrics) == ("open", "off")


async def test_metrics_may_need_a_key_of_the_scope_admin(start: Start, seeds: Seeds) -> None:
    client = await start(api_host="0.0.0.0")
    assert (await client.get("/metrics", headers={"X-API-Key": "no"})).status_code == 401
    assert (await client.get("/metrics")).status_code == 403
    admin = {"X-API-Key": seeds.key("admin", name="watcher")}
    assert (await client.get("/metrics", headers=admin)).status_code == 200
    for path in ("/healthz", "/readyz", "/health"):
        assert (await client.get(path, headers={"X-API-Key": ""})).status_code == 200
    off = await start(api_metrics="off")
    assert (await off.get("/metrics", headers=admin)).status_code == 404
