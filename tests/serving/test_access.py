"""Keys and scopes."""

import asyncio
import hashlib
from collections.abc import Iterator
from typing import Any

import httpx
from fastapi.routing import APIRoute
from sqlalchemy import func, update

from serving.access.keys import generate_key
from serving.access.random_tokens import SESSION, generate_token
from serving.access.requirements import is_public, requirement_of
from serving.app import create_app
from serving.settings import ServingSettings
from tests import tables
from tests.serving.accounts.people import from_address
from tests.serving.conftest import Gate, Seeds, Start, event, recommended, send, until

PUBLIC = {f"/v1/auth/{name}" for name in ("token", "register", "session", "reset", "reset-request")}

OF_USERS = {
    "/v1/users",
    *(f"/v1/users/{{user_id}}{of}" for of in ("", "/history", "/export", "/merge", "/similar")),
    "/v1/items/{item_id}/users",
    "/v1/active-users",
}
READ_OF_USERS = OF_USERS | {"/v1/events", "/v1/users/{user_id}/preferences"}
OF_OPERATORS = (
    "/v1/admin/",
    "/v1/loads",
    "/v1/placements",
    "/v1/rules/",
    "/v1/experiments",
)
LONG_QUESTIONS = {f"/v1/{name}" for name in ("rank", "recommendations", "pages", "similarity")}
"""POST only because what they are asked is long."""


def routes_of(router: Any) -> Iterator[APIRoute]:
    for route in router.routes:
        if isinstance(route, APIRoute):
            yield route
        elif hasattr(route, "original_router"):
            yield from routes_of(route.original_router)


def test_every_route_under_v1_asks_for_a_scope_that_fits_its_path_and_method() -> None:
    app = create_app(ServingSettings(database_url="postgresql:///x", redis_url="redis://x"))
    routes = [route for route in routes_of(app) if route.path.startswith("/v1")]
    documented = [path for path in app.openapi()["paths"] if path.startswith("/v1")]
    assert {route.path_format for route in routes} == set(documented)
    for route in routes:
        expected = "read" if route.methods <= {"GET", "HEAD"} else "write"
        if route.path.startswith(OF_OPERATORS):
            expected = "admin"
        if route.path_format in (READ_OF_USERS if expected == "read" else OF_USERS):
            expected = "users"
        if route.path in LONG_QUESTIONS:
            expected = "read"
        if route.path_format == "/v1/event-kinds/{kind}" and expected == "write":
            expected = "admin"
        if route.path_format.endswith(("/tokens", "/{account_id}/user")):
            expected = "token"
        if route.path.startswith("/v1/auth/"):
            # Keys are nobody who could sign in.
            expected = None
        found = requirement_of(route)
        assert (found is None) == is_public(route), route.path
        assert found is None or found.scope == expected, route.path


def test_only_who_wants_to_sign_in_needs_nothing() -> None:
    app = create_app(ServingSettings(database_url="postgresql:///x", redis_url="redis://x"))
    routes = [route for route in routes_of(app) if is_public(route)]
    assert {(route.path, *route.methods) for route in routes} == {
        *((path, "POST") for path in PUBLIC),
        ("/sign-in", "GET"),
        ("/sign-in/{name}", "GET"),
    }


def test_a_key_is_random_and_only_its_hash_is_told_apart() -> None:
    made = generate_key()
    assert made.key.startswith("tdm_")
    assert len(made.key) == 4 + 43
    assert made.prefix == made.key[:12]
    assert made.key_hash == hashlib.sha256(made.key.encode()).digest()
    assert generate_key().key != made.key


async def test_without_a_valid_key_nothing_is_answered(client: httpx.AsyncClient) -> None:
    for key in ("", "wrong", "tdm_" + "a" * 43, "é"):
        headers = {"X-API-Key": key.encode()}
        for answer in (
            await client.get("/v1/popular", headers=headers),
            await client.post("/v1/events", json={}, headers=headers),
        ):
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"].startswith("ApiKey")
            assert answer.json()["type"] == "urn:tandem:problem:unauthenticated"
    del client.headers["X-API-Key"]
    assert "X-API-Key" in (await client.get("/v1/popular")).json()["detail"]


async def test_a_key_opens_only_what_its_scopes_name(
    client: httpx.AsyncClient, seeds: Seeds
) -> None:
    client.headers["X-API-Key"] = seeds.key("read", name="reader")
    assert (await recommended(client, "ann")).status_code == 200
    refused = await send(client, event("ann", 1))
    assert refused.status_code == 403
    assert "scope write" in refused.json()["detail"]
    assert (await client.put("/v1/items/x", json={"title": "X"})).status_code == 403
    assert seeds.count("interactions") == 0
    client.headers["X-API-Key"] = seeds.key("write", name="writer")
    assert (await send(client, event("ann", 1))).status_code == 202
    assert (await recommended(client, "ann")).status_code == 403


async def test_what_is_said_of_users_needs_a_scope_of_its_own(
    client: httpx.AsyncClient, seeds: Seeds
) -> None:
    profile = {"attributes": {"mail": "ann@example.org"}}
    client.headers["X-API-Key"] = seeds.key("users", name="backend")
    assert (await client.put("/v1/users/ann", json=profile)).status_code == 201
    assert (await client.get("/v1/users/ann")).json()["attributes"] == profile["attributes"]
    assert (await recommended(client, "ann")).status_code == 403
    client.headers["X-API-Key"] = seeds.key("read", "write", "admin", name="no backend")
    for user in ("ann", "nobody"):
        for method, body in (("GET", None), ("PUT", profile), ("DELETE", None)):
            answer = await client.request(method, f"/v1/users/{user}", json=body)
            assert answer.status_code == 403, "nor is it told who is known"
            assert "scope users" in answer.json()["detail"]
        assert (await recommended(client, user)).status_code == 200
    assert seeds.count("users") == 1


async def test_a_revoked_key_stops_working(start: Start, seeds: Seeds) -> None:
    client = await start(api_key_seconds=0.05)
    assert (await client.get("/v1/popular")).status_code == 200
    seeds.write(update(tables.api_keys).values(revoked_at=func.now()))

    async def refused() -> bool:
        return (await client.get("/v1/popular")).status_code == 401

    await until(refused)


async def test_a_key_known_before_works_while_the_database_is_away(
    start: Start, seeds: Seeds, gate: Gate
) -> None:
    client = await start(api_key_seconds=0.01)
    gate.shut()
    assert (await recommended(client, "ann")).status_code == 200
    client.headers["X-API-Key"] = generate_key().key
    assert (await recommended(client, "ann")).status_code == 503


async def test_guessed_keys_do_not_reach_the_database_without_end(
    client: httpx.AsyncClient,
) -> None:
    async def guess() -> httpx.Response:
        return await client.get("/v1/popular", headers={"X-API-Key": generate_key().key})

    first = await asyncio.gather(*(guess() for _ in range(50)))
    assert {answer.status_code for answer in first} == {401}
    refused: list[httpx.Response] = []

    async def too_many() -> bool:
        # Side by side: one after the other a busy machine does not ask fast enough.
        answers = await asyncio.gather(*(guess() for _ in range(100)))
        refused.extend(answer for answer in answers if answer.status_code == 429)
        return bool(refused)

    await until(too_many)
    assert "try again shortly" in refused[0].json()["detail"]
    # A key that is in force is not held up by them.
    assert (await recommended(client, "ann")).status_code == 200


async def test_who_guesses_uses_up_only_what_guessers_may_look_up(
    start: Start, seeds: Seeds
) -> None:
    client = await start(limit_address_per_minute=2, api_key_seconds=600)
    assert (await client.get("/v1/popular")).status_code == 200
    new = [{"X-API-Key": seeds.key("read", name=f"new {number}")} for number in range(2)]
    for _ in range(3):
        guess = {"X-API-Key": generate_key().key}
        last = await client.get("/v1/popular", headers=guess)
    assert last.status_code == 429
    # A key in force is none of the address's business.
    assert (await client.get("/v1/popular", headers=new[0])).status_code == 200
    for _ in range(100):
        guess = {"X-API-Key": generate_key().key}
        session = {"Cookie": f"tandem_session={generate_token(SESSION).token}", "X-API-Key": ""}
        for headers in (guess, session):
            assert (await client.get("/v1/popular", headers=headers)).status_code in {401, 429}
    assert (await client.get("/v1/popular")).status_code == 200, "what is known works on"
    elsewhere = from_address(client, "192.0.2.1")
    assert (await elsewhere.get("/v1/popular", headers=new[1])).status_code == 200
