"""What was found is kept for a moment, and a store that is away is done without."""

import httpx
import pytest

from tests.serving.conftest import Gate, OwnRedis, Seeds, Start, ids, send
from tests.serving.films import Films
from tests.serving.searching.conftest import search


async def test_an_answer_is_given_again_only_for_a_moment(films: Films, start: Start) -> None:
    client = await start(search_fresh_seconds=3600)
    assert (await search(client, "space")).json()["source"] == "search"
    again = (await search(client, "space")).json()
    assert (again["source"], again["strategy"]) == ("cache", "search")
    assert (await search(client, "space", limit=7)).json()["source"] == "search"
    assert (await search(client, "space", user_id="ann")).json()["source"] == "search"
    assert (await search(client, "space", user_id="ann")).json()["source"] == "cache"
    await send(client, {"user_id": "ann", "item_id": "war", "kind": "hide"})
    assert "war" not in ids(await search(client, "space", user_id="ann"))
    await client.put("/v1/items/odyssey", json={"title": "A Space Odyssey", "available": False})
    assert "odyssey" not in ids(await search(client, "space"))
    fresh = await start(search_fresh_seconds=0.0)
    for _ in range(2):
        assert (await search(fresh, "space")).json()["source"] == "search"


async def test_an_answer_of_another_run_is_not_given_again(
    films: Films, start: Start, seeds: Seeds
) -> None:
    client = await start(search_fresh_seconds=3600)
    first = (await search(client, "space")).json()
    other = seeds.run()
    for _ in range(200):
        again = (await search(client, "space")).json()
        if again["run"]["id"] == other:
            break
    assert again["run"]["id"] == other != first["run"]["id"]
    assert again["strategy"] == "words", "the other run knows nothing of meaning"


async def test_a_category_that_differs_in_case_only_is_reported_with_the_empty_list(
    films: Films, start: Start
) -> None:
    client = await start(search_fresh_seconds=3600)
    for _ in ("made", "from the cache"):
        answer = (await search(client, "space", category=["SCIFI", "Ro'mance\\"])).json()
        assert (answer["items"], answer["categories_meant"]) == ([], {"SCIFI": "scifi"})
    for q in ("qwxyz", "space"):
        missed = (await search(client, q, category="Wár", only_words=True)).json()
        assert missed["categories_meant"] == {"Wár": "war"}
        found = (await search(client, q, category=["scifi", "WAR"])).json()
        assert (found["categories_meant"], bool(found["items"])) == ({}, True)
    similar = await client.get("/v1/items/toys/similar", params={"category": "Romance"})
    assert similar.json()["categories_meant"] == {"Romance": "romance"}
    nobody = await client.get("/v1/items/toys/similar", params={"category": "nowhere"})
    assert (ids(nobody), nobody.json()["categories_meant"]) == ([], {})


async def test_without_postgres_a_kept_answer_else_fallback_titles_with_the_words(
    films: Films, client: httpx.AsyncClient, gate: Gate
) -> None:
    kept = await search(client, "space odyssey", user_id="ann")
    await send(client, {"user_id": "bob", "item_id": "war", "kind": "view"})
    gate.shut()
    cached = await search(client, "space odyssey", user_id="ann")
    assert (cached.json()["source"], ids(cached)) == ("cache", ids(kept))
    fallback = (await search(client, "space ody", limit=3)).json()
    assert (fallback["source"], fallback["strategy"]) == ("fallback", "fallback")
    assert fallback["degraded"].startswith("postgres_")
    assert [item["item_id"] for item in fallback["items"]][:2] == ["odyssey", "war"]
    assert [item["match"] for item in fallback["items"]] == ["words", "words", "popular"]
    unseen = await search(client, "space", user_id="bob", exclude_seen=True)
    assert "war" not in ids(unseen)
    nothing = (await search(client, "qwxyz", limit=2)).json()
    assert (nothing["match"], len(nothing["items"])) == ("popular", 2)
    romances = await search(client, "space", category="romance")
    assert set(ids(romances)) == {"amelie", "wedding"}
    assert "war" not in ids(await search(client, "space -war", limit=50))
    assert ids(await search(client, "space", category="nowhere")) == []
    assert (await search(client, "\uff9e")).status_code == 422


@pytest.mark.parametrize(
    ("path", "source"),
    [("/v1/search?q=space+odyssey", "search"), ("/v1/items/odyssey/similar", "similar")],
)
async def test_without_redis_each_answer_is_made_anew(
    films: Films, start: Start, own_redis: OwnRedis, path: str, source: str
) -> None:
    client = await start(redis_url=own_redis.url, search_fresh_seconds=3600)
    own_redis.kill()
    for _ in range(2):
        answer = (await client.get(path)).json()
        assert (answer["source"], answer["degraded"]) == (source, "redis_away")
