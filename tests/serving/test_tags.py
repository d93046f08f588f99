"""Whoever has a list asks whether it is still the same, and is told without it."""

import re

import httpx
import pytest
from sqlalchemy import Engine, text

from tests.serving.conftest import Gate, Seeds, event, ids, recommended, send, until

ID = "Tandem-Recommendation-Id"
FOR_ALL = (
    "/v1/popular",
    "/v1/trending",
    "/v1/latest",
    "/v1/starter",
    "/v1/search?q=film",
    "/v1/items/film-1/similar",
    "/v1/similar?item_id=film-1&item_id=film-2",
    "/v1/items/film-1/together",
)


@pytest.fixture
def ann(seeds: Seeds) -> int:
    return seeds.listed_user("ann", popular=range(15))


async def test_the_same_list_is_not_sent_again_and_counts_as_shown(
    client: httpx.AsyncClient, ann: int, engine: Engine
) -> None:
    first = await recommended(client, "ann", limit=5)
    assert first.headers["cache-control"] == "private, no-cache"
    assert first.headers[ID] == first.json()["recommendation_id"]
    tag = first.headers["etag"]
    path = "/v1/users/ann/recommendations?limit=5"
    for given in (tag, tag.removeprefix("W/"), f'"other", {tag}', "*"):
        again = await client.get(path, headers={"If-None-Match": given})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == tag
        assert again.headers[ID] != first.headers[ID]
    shown = text(
        "select count(*) from impressions where recommendation_id = :id and item_nos = "
        "(select item_nos from impressions where recommendation_id = :first)"
    )

    async def counted() -> bool:
        with engine.connect() as connection:
            parameters = {"id": again.headers[ID], "first": first.headers[ID]}
            return connection.execute(shown, parameters).scalar_one() == 1

    await until(counted)
    await send(client, event("ann", 0))
    changed = await client.get(path, headers={"If-None-Match": tag})
    assert changed.status_code == 200
    assert changed.headers["etag"] != tag
    assert ids(changed) != ids(first)


async def test_lists_of_two_runs_have_two_tags(
    client: httpx.AsyncClient, seeds: Seeds, ann: int
) -> None:
    tag = (await client.get("/v1/popular")).headers["etag"]
    assert (await client.get("/v1/popular")).headers["etag"] == tag
    seeds.run(popular={"": [(seeds.film_nos[n], 30.0 - n) for n in range(15)]})

    async def other() -> bool:
        return (await client.get("/v1/popular")).headers["etag"] != tag

    await until(other)


async def test_lists_for_everybody_may_be_kept_for_whoever_has_the_same_key(
    client: httpx.AsyncClient, ann: int, gate: Gate, subtests: pytest.Subtests
) -> None:
    for path in FOR_ALL:
        with subtests.test(path=path):
            answer = await client.get(path)
            assert answer.headers["cache-control"] == "public, max-age=10"
            assert "X-API-Key" in answer.headers["vary"]
            tag = answer.headers["etag"]
            again = await client.get(path, headers={"If-None-Match": tag})
            assert again.status_code == 304
            sign = "&" if "?" in path else "?"
            personal = await client.get(f"{path}{sign}user_id=ann")
            assert personal.headers["cache-control"] == "private, no-cache"
    gate.shut()
    degraded = await client.get("/v1/latest")
    assert degraded.json()["degraded"]
    assert degraded.headers["cache-control"] == "private, no-store"
    assert "etag" not in degraded.headers


async def test_an_answer_tells_how_old_it_is_and_how_it_was_made(
    client: httpx.AsyncClient, ann: int
) -> None:
    made = (await recommended(client, "ann", limit=5)).json()
    assert made["list_age_seconds"] == 0
    assert re.fullmatch(r"0\.\d+\.\d+(\+[0-9a-f]{8})?", made["algorithm_version"])
    cached = (await recommended(client, "ann", limit=5)).json()
    assert cached["source"] == "cache"
    assert cached["list_age_seconds"] > 0
    assert cached["live_vector_age_seconds"] > made["live_vector_age_seconds"] > 0
    stranger = (await recommended(client, "nobody", limit=5)).json()
    assert stranger["live_vector_age_seconds"] is None


async def test_every_answer_tells_how_long_it_took(client: httpx.AsyncClient) -> None:
    for path in ("/v1/popular", "/nowhere", "/healthz", "/v1/popular?limit=0"):
        assert float((await client.get(path)).headers["x-process-time"]) >= 0
