"""Pages of the origins that are set may ask from a browser, and can read what they are answered."""

import itertools

import httpx
import pytest
from sqlalchemy import text

from tests.serving.conftest import Gate, Seeds, Start

SHOP = "https://shop.example"
READABLE = {
    "x-request-id",
    "x-process-time",
    "ratelimit",
    "ratelimit-policy",
    "retry-after",
    "etag",
    "tandem-recommendation-id",
}


@pytest.fixture
async def shop(start: Start) -> httpx.AsyncClient:
    """Asks as a page of the shop does."""
    client = await start(cors_origins=f"{SHOP},http://localhost:3000", api_requests_at_once=1)
    client.headers["Origin"] = SHOP
    return client


def assert_readable(answer: httpx.Response, status: int) -> None:
    assert answer.status_code == status
    assert answer.headers["access-control-allow-origin"] == SHOP
    assert "access-control-allow-credentials" not in answer.headers
    assert set(answer.headers["access-control-expose-headers"].lower().split(", ")) == READABLE
    assert "Origin" in answer.headers["vary"].split(", ")


async def asked_before(
    client: httpx.AsyncClient, *, method: str = "GET", headers: str = "authorization"
) -> httpx.Response:
    """A preflight request."""
    asked = {"Access-Control-Request-Method": method, "Access-Control-Request-Headers": headers}
    return await client.options("/v1/popular", headers=asked)


async def test_a_page_of_the_shop_reads_answers_and_errors(
    shop: httpx.AsyncClient, seeds: Seeds, gate: Gate
) -> None:
    assert_readable(await shop.get("/healthz"), 200)
    assert_readable(await shop.get("/nowhere"), 404)
    assert_readable(await shop.get("/v1/popular", headers={"X-API-Key": "wrong"}), 401)
    reader = {"X-API-Key": seeds.key("read", name="reader")}
    assert_readable(await shop.post("/v1/events", json={}, headers=reader), 403)
    assert_readable(await shop.post("/v1/events", content=b"x" * 6_000_000), 413)
    assert_readable(await shop.post("/v1/events", json={}), 422)
    gate.shut()
    assert_readable(await shop.get("/v1/items/film-1"), 503)


async def test_a_page_reads_an_error_nobody_foresaw(shop: httpx.AsyncClient, seeds: Seeds) -> None:
    seeds.write(text("drop table items cascade"))
    assert_readable(await shop.get("/v1/items/film-1"), 500)


async def test_a_page_is_told_beforehand_what_it_may_send(shop: httpx.AsyncClient) -> None:
    answer = await asked_before(shop, method="POST", headers="authorization, content-type")
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == SHOP
    methods = set(answer.headers["access-control-allow-methods"].split(", "))
    assert methods == {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"}
    assert "max-age" in str(answer.headers.keys())
    assert answer.headers["x-content-type-options"] == "nosniff"
    for method in methods:
        allowed = await asked_before(shop, method=method, headers="if-none-match")
        assert allowed.status_code == 200, method


async def test_a_key_does_not_belong_in_a_browser(shop: httpx.AsyncClient) -> None:
    answer = await asked_before(shop, headers="x-api-key")
    assert answer.status_code == 400
    assert "x-api-key" not in answer.headers["access-control-allow-headers"].lower()


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "https://shop.example:8443"])
async def test_a_page_of_another_origin_reads_nothing(shop: httpx.AsyncClient, origin: str) -> None:
    shop.headers["Origin"] = origin
    answer = await shop.get("/healthz")
    assert "access-control-allow-origin" not in answer.headers
    assert answer.headers["vary"] == "Origin"
    assert (await asked_before(shop)).status_code == 400


async def test_answers_differ_by_origin_and_by_what_encodings_are_taken(
    shop: httpx.AsyncClient,
) -> None:
    asked = itertools.product(("/openapi.json", "/docs/swagger-ui.css"), ("gzip", "identity"))
    for path, accepted in asked:
        answer = await shop.get(path, headers={"Accept-Encoding": accepted})
        assert set(answer.headers["vary"].split(", ")) == {"Accept-Encoding", "Origin"}


async def test_without_origins_nothing_is_said_of_them(client: httpx.AsyncClient) -> None:
    client.headers["Origin"] = SHOP
    answer = await client.get("/healthz")
    assert not [name for name in answer.headers if name.startswith("access-control")]
    assert "vary" not in answer.headers
    assert (await asked_before(client)).status_code == 405
