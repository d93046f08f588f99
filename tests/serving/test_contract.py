"""What every route does alike: no ignored parameter, no redirect, right methods."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from fastapi.routing import APIRoute

from serving.app import create_app
from serving.http.routing import TandemRoute
from serving.settings import ServingSettings
from tests.serving.accounts.people import People, bearer, signed_in
from tests.serving.conftest import Seeds, Start, faults, recommended


def routes() -> list[APIRoute]:
    app = create_app(ServingSettings(database_url="postgresql://x", redis_url="redis://x"))
    return [route for route in app.routes if isinstance(route, APIRoute)]


ROUTES = routes()


def path_of(route: APIRoute) -> str:
    for name in route.param_convertors:
        route_path = route.path_format.replace(f"{{{name}}}", "stalker")
        route_path = route_path.replace("/sign-in/stalker", "/sign-in/sign-in.js")
        route_path = route_path.replace("/sdk/stalker", "/sdk/tandem.js")
        route_path = route_path.replace("/static/stalker", "/static/console.js")
        return route_path.replace("/docs/stalker", "/docs/start.js")
    return route.path_format


def calls() -> Iterator[tuple[str, str]]:
    for route in ROUTES:
        for method in sorted(route.methods or ()):
            yield method, path_of(route)


CALLS = list(calls())


def test_every_route_is_one_that_checks_its_query() -> None:
    assert len(ROUTES) > 20
    assert all(isinstance(route, TandemRoute) for route in ROUTES)


@pytest.fixture
async def everybody(start: Start, seeds: Seeds, signing_keys_file: Path) -> httpx.AsyncClient:
    """A client to whom all is open: no key is somebody who is signed in."""
    client = await start(signing_keys_file=signing_keys_file)
    People(seeds).add("boss")
    client.headers["X-API-Key"] = ""
    client.headers.update(bearer(await signed_in(client, "boss")))
    return client


async def test_an_unknown_parameter_is_refused_by_name_on_every_route(
    everybody: httpx.AsyncClient,
) -> None:
    for method, path in CALLS:
        answer = await everybody.request(method, path, params={"unheard_of": "1"})
        assert answer.status_code == 422, (method, path, answer.text)
        assert "query:unheard_of" in faults(answer), (method, path)


async def test_a_parameter_of_one_value_given_twice_is_refused_by_name_on_every_route(
    everybody: httpx.AsyncClient,
) -> None:
    doubled = [(route, name) for route in ROUTES for name in route.query_names.single]  # type: ignore[attr-defined]
    assert len(doubled) > 20
    for route, name in doubled:
        method = min(route.methods or ())
        twice = [(name, "3"), (name, "5")]
        answer = await everybody.request(method, path_of(route), params=twice)
        assert answer.status_code == 422, (route.path, name)
        assert "2 times" in faults(answer)[f"query:{name}"]


async def test_a_list_may_be_given_one_value_at_a_time(client: httpx.AsyncClient) -> None:
    for path in ("/v1/users/ann/recommendations", "/v1/search"):
        asked = [("category", "a"), ("category", "b")]
        asked += [("q", "space")] if path.endswith("search") else []
        assert (await client.get(path, params=asked)).status_code == 200


async def test_the_nearest_name_is_suggested_and_else_all_are_reported(
    client: httpx.AsyncClient,
) -> None:
    typo = await client.get("/v1/popular?limt=3&Category=x&offset=3")
    assert faults(typo) == {
        "query:limt": "There is no such parameter here. Did you mean limit?",
        "query:Category": "There is no such parameter here. Did you mean category?",
        "query:offset": "There is no such parameter here."
        " There are: category, context, cursor, exclude, fields, filter, limit, placement, user_id,"
        " window.",
    }
    assert "query:limt" in typo.json()["detail"]
    none = await client.get("/readyz?verbose=1")
    assert "takes no parameters" in faults(none)["query:verbose"]


async def test_hostile_names_are_answered_shortly(client: httpx.AsyncClient) -> None:
    many = "&".join(f"{'x' * 50}{n}=1" for n in range(1000))
    for query in (many, "y" * 60_000, "=3", "&&limit", "%FF=1", "limit[]=3", "limit;=3"):
        answer = await client.get(f"/v1/popular?{query}")
        assert answer.status_code == 422, query[:20]
        assert len(answer.content) < 10_000
        assert len(faults(answer)) <= 20


async def test_a_key_is_asked_for_before_parameters_are_reported(client: httpx.AsyncClient) -> None:
    answer = await client.get("/v1/popular?limt=3", headers={"X-API-Key": "wrong"})
    assert answer.status_code == 401


async def test_no_path_redirects(client: httpx.AsyncClient) -> None:
    for path in (
        "/v1/popular/", "/v1/nothing", "/v1/popular/x", "/v1", "/docs/", "/healthz/", "/metrics/",
        "//evil.example/v1/popular", "//evil.example", "/docs//", "/openapi.json/",
        "/v1/popular//", "/v1//popular", "/static-offline-docs", "/redoc",
    ):  # fmt: skip
        answer = await client.get(
            httpx.URL(f"http://tandem{path}"), headers={"Host": "evil.example"}
        )
        assert answer.status_code == 404, path
        assert answer.json()["type"] == "urn:tandem:problem:not-found"
        assert "evil" not in str(answer.headers)


async def test_head_is_answered_wherever_get_is_without_a_body(
    everybody: httpx.AsyncClient,
) -> None:
    for method, path in CALLS:
        if method != "GET" or path.endswith("/similar"):
            continue
        query = {"q": "space"} if path == "/v1/search" else {}
        got = await everybody.get(path, params=query)
        head = await everybody.head(path, params=query)
        assert (head.status_code, head.content) == (got.status_code, b""), path
        assert head.headers["content-type"] == got.headers["content-type"]


async def test_allow_names_all_methods_of_a_path(client: httpx.AsyncClient) -> None:
    allowed = {
        "/v1/items/x": "DELETE, GET, HEAD, PATCH, PUT",
        "/v1/users/x": "DELETE, GET, HEAD, PATCH, PUT",
        "/v1/events": "DELETE, GET, HEAD, POST",
        "/v1/events/x": "DELETE",
        "/v1/popular": "GET, HEAD",
        "/healthz": "GET, HEAD",
        "/docs": "GET, HEAD",
        "/openapi.json": "GET, HEAD",
        "/metrics": "GET, HEAD",
    }
    for path, methods in allowed.items():
        for method in ("OPTIONS", "TRACE", "BREW"):
            answer = await client.request(method, path)
            assert answer.status_code == 405, (method, path)
            assert answer.headers["allow"] == methods
            assert methods in answer.json()["detail"]


async def test_values_are_taken_as_they_are_documented_and_not_otherwise(
    client: httpx.AsyncClient,
) -> None:
    refused = {
        "limit": ["+5", "05", " 5", "5 ", "5.0", "1_0", "٥", "５", "", "0x5", "5e0", "-0"],  # noqa: RUF001
        "max_per_category": ["+5", "05", " 5", "null"],
        "exclude_seen": ["0", "1", "no", "yes", "f", "False", "TRUE", "on", ""],
        "explain": ["0", "1", "t"],
        "diversity": ["+0.5", " 0.5", ".5", "0.", "nan", "inf", "1_0", "００"],  # noqa: RUF001
        "explore": ["1e-1 ", "00.1"],
    }
    for name, values in refused.items():
        for value in values:
            answer = await recommended(client, "ann", **{name: value})
            assert answer.status_code == 422, (name, value)
            assert list(faults(answer)) == [f"query:{name}"]
    taken = {"limit": "5", "exclude_seen": "false", "diversity": "1e-1", "explore": "0"}
    assert (await recommended(client, "ann", **taken)).status_code == 200


async def test_a_category_in_another_case_is_reported_where_a_list_is_empty(
    client: httpx.AsyncClient,
) -> None:
    for number in range(3):
        body = {"title": f"Film {number}", "categories": ["Comédie"]}
        await client.put(f"/v1/items/funny-{number}", json=body)
    for path in ("popular", "trending", "latest", "starter", "users/ann/recommendations"):
        meant = (await client.get(f"/v1/{path}?category=comedie")).json()
        assert (meant["items"], meant["categories_meant"]) == ([], {"comedie": "Comédie"}), path
        right = (await client.get(f"/v1/{path}", params={"category": "Comédie"})).json()
        assert (len(right["items"]), right["categories_meant"]) == (3, {}), path
        nothing = (await client.get(f"/v1/{path}?category=nowhere")).json()
        assert (nothing["items"], nothing["categories_meant"]) == ([], {}), path


async def test_health_answers_as_healthz(client: httpx.AsyncClient) -> None:
    for path in ("/health", "/healthz"):
        assert (await client.get(path)).json() == {"status": "alive"}
