"""Every list takes a filter, and the fallback too."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
import sqlalchemy
from sqlalchemy import update

from serving.filtering.expression import Document
from serving.filtering.language import parse_filter
from sql.filtered_attributes import add_attribute
from tests import tables
from tests.serving.conftest import Gate, Seeds, Start, faults, until

LISTS = (
    "/v1/users/ann/recommendations",
    "/v1/users/nobody/recommendations",
    "/v1/popular",
    "/v1/popular?window=week",
    "/v1/trending",
    "/v1/latest",
    "/v1/starter",
    "/v1/search?q=film",
    "/v1/search?q=unheard",
    "/v1/items/film-1/similar",
    "/v1/similar?item_id=film-1&item_id=film-2",
)

FILTERS = (
    "year >= 1990 and year < 1993",
    'genre in ("Comedy", "Horror") and not country = "FR"',
    'country starts with "F" or rating missing',
    "released_at <= now",
    'title starts with "Film 2" or item_id = "film-7"',
    "year = user.nothing or year = 1995",
)


def attributes_of(film: int) -> dict[str, Any]:
    return {
        "year": 1985 + film % 12,
        "genre": [["Comedy", "Drama"], ["Horror"], []][film % 3],
        "country": ["FR", "DE", "FI"][film % 3],
        **({"rating": film / 2} if film % 4 else {}),
        "released_at": "2020-01-01T00:00:00Z" if film % 2 else "2999-01-01T00:00:00Z",
    }


def passing(seeds: Seeds, text: str) -> set[str]:
    expression = parse_filter(text.replace("year = user.nothing or ", ""))
    return {
        f"film-{film}"
        for film in range(len(seeds.film_nos))
        if expression.holds(
            Document(attributes_of(film), {"item_id": f"film-{film}", "title": f"Film {film}"}),
            datetime.now(UTC),
        )
    }


@pytest.fixture
def films(seeds: Seeds) -> Seeds:
    """All films with attributes, a run, and a user with a list of it."""
    with seeds.engine.begin() as connection:
        for film, item_no in enumerate(seeds.film_nos):
            connection.execute(
                update(tables.items)
                .where(tables.items.c.item_no == item_no)
                .values(attributes=attributes_of(film), title=f"Film {film}")
            )
    seeds.listed_user("ann", popular=range(10))
    return seeds


async def declare(films: Seeds, attribute: str) -> None:
    """Declare an attribute, in a thread: its indexes wait for transactions of the app's own."""
    await asyncio.to_thread(add_attribute, films.engine, attribute, actor="test")


@pytest.mark.parametrize("declared", [(), ("year", "genre", "country")])
async def test_every_list_has_what_passes_and_all_of_it(
    client: httpx.AsyncClient, films: Seeds, declared: tuple[str, ...]
) -> None:
    for attribute in declared:
        await declare(films, attribute)
    for text in FILTERS:
        expected = passing(films, text)
        assert 0 < len(expected) < len(films.film_nos)
        for path in LISTS:
            asked = {"filter": text, "limit": "30"}
            if "user." in text and "users" not in path:
                asked["user_id"] = "ann"
            answer = await client.get(path, params={**dict(httpx.URL(path).params), **asked})
            assert answer.status_code == 200, (path, answer.text)
            found = {item["item_id"] for item in answer.json()["items"]}
            assert found <= expected, (path, text)
            # Items that others are to be like are none of the list.
            seeds_of = {"film-1", "film-2"} if "similar" in path else set()
            assert found >= expected - seeds_of, (path, text)


async def test_a_filter_and_categories_hold_together(
    client: httpx.AsyncClient, films: Seeds
) -> None:
    await client.put(
        "/v1/items/film-5",
        json={"title": "Five", "categories": ["war"], "attributes": {"year": 2000}},
    )
    asked = {"filter": 'category = "war" and year = 2000', "category": "war"}
    answer = await client.get("/v1/users/ann/recommendations", params=asked)
    assert [item["item_id"] for item in answer.json()["items"]] == ["film-5"]
    asked = {"filter": "year = 2000", "exclude_category": "war"}
    answer = await client.get("/v1/users/ann/recommendations", params=asked)
    assert answer.json()["items"] == []


async def test_the_users_own_attributes_are_compared_with(
    client: httpx.AsyncClient, films: Seeds
) -> None:
    profile = {"attributes": {"countries": ["FI", "DE"], "born": 1990}}
    assert (await client.put("/v1/users/eve", json=profile)).status_code == 201
    for text, expected in (
        ("country in user.countries", passing(films, 'country in ("FI", "DE")')),
        ("country not in user.countries", passing(films, 'country = "FR"')),
        ("year > user.born", passing(films, "year > 1990")),
        ("country = user.unknown", set[str]()),
    ):
        for path in ("/v1/users/eve/recommendations", "/v1/latest?user_id=eve"):
            asked = {**dict(httpx.URL(path).params), "filter": text, "limit": "30"}
            answer = await client.get(path, params=asked)
            assert {item["item_id"] for item in answer.json()["items"]} == expected, (path, text)
    reader = {"X-API-Key": films.key("read", name="reader")}
    for path in ("/v1/users/eve/recommendations", "/v1/latest?user_id=eve", "/v1/search?q=film"):
        asked = {**dict(httpx.URL(path).params), "filter": "country in user.countries"}
        answer = await client.get(path, params=asked, headers=reader)
        assert (answer.status_code, "scope users" in answer.text) == (403, True), path
    nobody = await client.get("/v1/latest", params={"filter": "country = user.country"})
    assert "give user_id too" in faults(nobody)["query:filter"]
    # Another list is cached for each value, and not for each text.
    profile["attributes"]["countries"] = ["FR"]
    assert (await client.put("/v1/users/eve", json=profile)).status_code == 200
    asked = {"filter": "country in user.countries", "limit": "30"}
    answer = await client.get("/v1/users/eve/recommendations", params=asked)
    assert {item["item_id"] for item in answer.json()["items"]} == passing(films, 'country = "FR"')


async def test_a_filter_is_answered_from_memory_while_the_database_is_away(
    start: Start, films: Seeds, gate: Gate
) -> None:
    client = await start(popular_refresh_seconds=0.05)
    text = "year = 1990"
    await client.get("/v1/latest", params={"filter": text})
    await asyncio.sleep(0.5)
    gate.shut()

    async def fallen_back() -> bool:
        answer = await client.get("/v1/popular", params={"filter": text, "limit": "30"})
        return answer.status_code == 200 and answer.json()["strategy"] == "fallback"

    await until(fallen_back)
    for path in ("/v1/users/new/recommendations", "/v1/latest", "/v1/search?q=film"):
        asked = {**dict(httpx.URL(path).params), "filter": text, "limit": "30"}
        answer = await client.get(path, params=asked)
        assert answer.status_code == 200, (path, answer.text)
        assert {item["item_id"] for item in answer.json()["items"]} == passing(films, text), path
        asked["filter"] = 'country = "XX"'
        assert (await client.get(path, params=asked)).json()["items"] == [], "all are held"
        asked["filter"] = "country = user.country"
        assert (await client.get(path, params=asked)).status_code in {422, 503}


async def test_items_that_pass_are_counted_where_it_is_asked(
    client: httpx.AsyncClient, films: Seeds, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def counted(**asked: Any) -> tuple[int | None, bool | None]:
        answer = (await client.get("/v1/items", params={"limit": 2, **asked})).json()
        return answer["total_count"], answer["total_is_exact"]

    written = "year >= 1990 and year < 1993"
    films.hide_item(1)
    assert await counted(filter=written) == (None, None)
    for _ in ("undeclared", "declared"):
        every = len(films.film_nos)
        assert await counted(total=True) == (every, True)
        assert await counted(total=True, available=True) == (every - 1, True)
        assert await counted(total=True, filter=written) == (len(passing(films, written)), True)
        assert await counted(total=True, filter="year = 1") == (0, True)
        await declare(films, "year")
    monkeypatch.setattr("serving.catalogue.catalogue_keeping.MOST_COUNTED", 5)
    assert await counted(total=True, filter=written) == (5, False)


async def test_a_filter_that_takes_too_long_is_named_instead_of_too_short_a_list(
    start: Start, films: Seeds
) -> None:
    others = (
        "insert into items (item_id, title, attributes)"
        " select 'other-' || no, 'Other', '{\"year\": 2050}' from generate_series(1, 200) as no"
    )
    films.write(sqlalchemy.text(others))
    client = await start(fallback_items=100, fallback_category_items=1, request_budget_seconds=2.0)

    async def asked(written: str) -> httpx.Response:
        query = {"filter": written, "limit": "20"}
        return await client.get("/v1/users/nobody/recommendations", params=query)

    with films.engine.begin() as connection:
        # PostgreSQL is well, and what the filter asks of it does not end.
        connection.execute(sqlalchemy.text("lock table items in access exclusive mode"))

        async def is_named() -> bool:
            answer = await asked("year = 1990")
            assert answer.status_code == 503
            return "filter add year" in answer.json()["detail"]

        await until(is_named)
        enough = await asked("year = 2050")
        assert {item["title"] for item in enough.json()["items"]} == {"Other"}
        assert (len(enough.json()["items"]), enough.json()["strategy"]) == (20, "fallback")
    whole = await asked("year = 1990")
    assert {item["item_id"] for item in whole.json()["items"]} == passing(films, "year = 1990")


async def test_a_filter_is_given_once_and_says_something(client: httpx.AsyncClient) -> None:
    assert (await client.get("/v1/latest?filter=a=1&filter=b=1")).status_code == 422
    assert (await client.get("/v1/latest?filter=")).status_code == 422
