"""Similar items: used by the same people, similar in words; new items have neighbours at once."""

from typing import Any

import httpx
import pytest
from sqlalchemy import Engine, text

from tests.serving.conftest import Gate, Seeds, Start, ids, send
from tests.serving.films import Films, store_film


async def similar(client: httpx.AsyncClient, *item_ids: str, **query: Any) -> httpx.Response:
    if len(item_ids) == 1:
        return await client.get(f"/v1/items/{item_ids[0]}/similar", params=query)
    return await client.get("/v1/similar", params={"item_id": list(item_ids), **query})


async def test_an_answer_tells_all_that_was_promised(
    films: Films, client: httpx.AsyncClient
) -> None:
    answer = (await similar(client, "odyssey", limit=3)).json()
    assert set(answer) == {
        "items", "categories_meant", "source", "strategy", "degraded", "exclusions", "run",
        "unknown_item_ids", "generation_time_ms", "next", "placement", "experiment",
        "recommendation_id",
    }  # fmt: skip
    assert (answer["strategy"], answer["source"]) == ("similar", "similar")
    assert answer["degraded"] in {None, "redis_away"}  # on a busy machine Redis may be late
    assert answer["run"]["id"] == films.run_id
    assert {item["item_id"] for item in answer["items"][:2]} == {"war", "robot"}
    scores = [item["score"] for item in answer["items"]]
    assert scores == sorted(scores, reverse=True)
    assert 0 < scores[0] <= 1


async def test_the_two_parts_are_the_score(
    films: Films, client: httpx.AsyncClient, engine: Engine
) -> None:
    for item in (await similar(client, "amelie", limit=7)).json()["items"]:
        parts = item["used_by_same_people"] + item["similar_in_words"]
        assert item["score"] == pytest.approx(parts, abs=1e-6)
        with engine.begin() as connection:
            inner = connection.execute(
                text(
                    "select -(a.similarity_embedding <#> b.similarity_embedding)"
                    " from item_similarity_embeddings a, item_similarity_embeddings b"
                    " where a.item_no = :one and b.item_no = :other"
                ),
                {"one": films.nos["amelie"], "other": films.nos[item["item_id"]]},
            ).scalar_one()
        assert item["score"] == pytest.approx(inner, abs=1e-6)
    wedding = (await similar(client, "amelie")).json()["items"][0]
    assert wedding["item_id"] == "wedding"
    assert wedding["similar_in_words"] > 0.2


async def test_as_many_as_were_asked_for_or_all_that_are_eligible(
    films: Films, client: httpx.AsyncClient, seeds: Seeds
) -> None:
    for limit in (1, 4, 7):
        assert len(ids(await similar(client, "toys", limit=limit))) == limit
    everything = ids(await similar(client, "toys", limit=50))
    assert sorted(everything) == sorted(set(films.nos) - {"toys"})
    romances = ids(await similar(client, "toys", limit=50, category=["romance", "nothing"]))
    assert set(romances) == {"amelie", "wedding"}
    others = ids(await similar(client, "toys", limit=50, exclude_category=["romance", "scifi"]))
    assert set(others) == {"toys-2", "silent"}


async def test_items_without_an_embedding_in_the_run_fill_the_list(
    films: Films, client: httpx.AsyncClient, engine: Engine
) -> None:
    store_film(engine, "new", "Something Else")
    items = (await similar(client, "toys", limit=50)).json()["items"]
    assert (items[-1]["item_id"], items[-1]["score"]) == ("new", 0.0)


async def test_a_new_item_has_neighbours_by_its_words_before_it_has_an_embedding(
    films: Films, client: httpx.AsyncClient
) -> None:
    body = {"title": "Spaceship Robots", "categories": ["scifi"]}
    await client.put("/v1/items/new", json=body)
    answer = (await similar(client, "new", limit=3)).json()
    assert answer["strategy"] == "words"
    assert {item["item_id"] for item in answer["items"]} == {"odyssey", "war", "robot"}
    both = (await similar(client, "new", "odyssey", limit=2)).json()
    assert both["strategy"] == "similar"


async def test_of_an_item_nobody_knows_anything_about_the_popular_ones_are_reported_as_such(
    films: Films, client: httpx.AsyncClient, engine: Engine
) -> None:
    store_film(engine, "blank", "Qwxyz")
    answer = (await similar(client, "blank", limit=3)).json()
    assert answer["strategy"] == "popular"
    assert len(answer["items"]) == 3
    assert "blank" not in {item["item_id"] for item in answer["items"]}


async def test_several_items_are_answered_by_what_is_near_to_their_middle(
    films: Films, client: httpx.AsyncClient
) -> None:
    both = ids(await similar(client, "odyssey", "wedding", limit=6))
    assert both[0] in {"silent", "toys", "toys-2", "amelie"}
    assert not {"odyssey", "wedding"} & set(both)
    assert ids(await similar(client, "odyssey", "odyssey")) == ids(await similar(client, "odyssey"))


async def test_unknown_items_are_reported_and_only_they_are_a_problem(
    films: Films, client: httpx.AsyncClient
) -> None:
    partial = (await similar(client, "nope", "toys")).json()
    assert partial["unknown_item_ids"] == ["nope"]
    assert partial["items"][0]["item_id"] == "toys-2"
    for answer in (await similar(client, "nope"), await similar(client, "nope", "neither")):
        assert answer.status_code == 404
        assert "GET /v1/search" in answer.json()["detail"]


async def test_what_cannot_be_asked_is_a_problem(
    films: Films, client: httpx.AsyncClient, subtests: pytest.Subtests
) -> None:
    for path, location in (
        ("/v1/similar", "query:item_id"),
        ("/v1/similar?item_id=", "query:item_id.0"),
        ("/v1/similar?" + "&".join(f"item_id={n}" for n in range(21)), "query:item_id"),
        ("/v1/items/toys/similar?limit=0", "query:limit"),
        ("/v1/items/toys/similar?limit=101", "query:limit"),
        ("/v1/items/toys/similar?user_id=", "query:user_id"),
    ):
        with subtests.test(path=path):
            answer = await client.get(path)
            assert answer.status_code == 422
            assert location in {fault["pointer"] for fault in answer.json()["errors"]}


async def test_ids_may_hold_slashes(
    films: Films, client: httpx.AsyncClient, engine: Engine
) -> None:
    store_film(engine, "shop/toys/1", "Toy Story Again", categories=["children"])
    assert ids(await similar(client, "shop/toys/1"))[0] in {"toys", "toys-2"}
    assert (await client.get("/v1/items/shop/toys/1")).json()["item_id"] == "shop/toys/1"


async def test_what_the_user_has_seen_or_hidden_stays_out_at_once(
    films: Films, start: Start
) -> None:
    client = await start(search_fresh_seconds=3600)
    assert ids(await similar(client, "toys", user_id="ann"))[0] == "toys-2"
    await send(
        client,
        {"user_id": "ann", "item_id": "toys-2", "kind": "view"},
        {"user_id": "ann", "item_id": "wedding", "kind": "hide"},
    )
    assert not {"toys-2", "wedding"} & set(ids(await similar(client, "toys", user_id="ann")))
    seen = ids(await similar(client, "toys", user_id="ann", exclude_seen=False))
    assert "toys-2" in seen
    assert "wedding" not in seen
    assert "toys-2" in ids(await similar(client, "toys"))
    assert "toys-2" in ids(await similar(client, "toys", user_id="stranger"))


async def test_an_unavailable_item_is_gone_at_once_though_the_cache_was_warm(
    films: Films, start: Start
) -> None:
    client = await start(search_fresh_seconds=3600)
    assert "war" in ids(await similar(client, "odyssey"))
    assert (await similar(client, "odyssey")).json()["source"] == "cache"
    await client.put("/v1/items/war", json={"title": "Space War", "available": False})
    assert "war" not in ids(await similar(client, "odyssey"))
    gone = ids(await similar(client, "war"))
    assert "odyssey" in gone, "the page of an item that is sold out still shows others"


async def test_a_run_without_similarity_embeddings_is_answered_with_what_it_knows(
    seeds: Seeds, client: httpx.AsyncClient, engine: Engine
) -> None:
    nos = [store_film(engine, f"film-{n}", f"Film {n}") for n in range(3)]
    run = seeds.run(vectors=dict.fromkeys(nos, (1.0, 0.0)))
    answer = (await similar(client, "film-0")).json()
    assert answer["run"]["id"] == run
    assert answer["strategy"] == "popular"
    assert {item["item_id"] for item in answer["items"]} == {"film-1", "film-2"}


async def test_before_the_first_run_there_is_an_answer(
    client: httpx.AsyncClient, engine: Engine
) -> None:
    for n in range(3):
        store_film(engine, f"film-{n}", f"Film {n}")
    answer = (await similar(client, "film-0")).json()
    assert (answer["run"], answer["strategy"]) == (None, "popular")
    assert len(answer["items"]) == 2


async def test_without_postgres_a_kept_answer_else_the_fallback(
    films: Films, client: httpx.AsyncClient, gate: Gate
) -> None:
    kept = ids(await similar(client, "odyssey", user_id="ann"))
    await send(client, {"user_id": "bob", "item_id": "toys-2", "kind": "view"})
    gate.shut()
    cached = await similar(client, "odyssey", user_id="ann")
    assert (cached.json()["source"], cached.json()["strategy"]) == ("cache", "similar")
    assert ids(cached) == kept
    fallback = await similar(client, "toys", user_id="bob", limit=50)
    assert (fallback.json()["source"], fallback.json()["strategy"]) == ("fallback", "fallback")
    assert fallback.json()["degraded"].startswith("postgres_")
    assert not {"toys", "toys-2"} & set(ids(fallback))
    assert len(ids(await similar(client, "toys", limit=3))) == 3
    assert ids(await similar(client, "toys", category="romance")) == ["amelie", "wedding"]
    assert ids(await similar(client, "toys", category="nowhere")) == []


async def test_a_process_started_without_postgres_answers_with_what_is_in_redis(
    films: Films, start: Start, gate: Gate
) -> None:
    client = await start()
    for user in ({}, {"user_id": "ann"}):
        await similar(client, "odyssey", **user)
    gate.shut()
    fresh = await start()
    for user in ({}, {"user_id": "ann"}):
        answer = await similar(fresh, "odyssey", **user)
        assert (answer.json()["source"], answer.json()["strategy"]) == ("cache", "similar")
    assert (await similar(fresh, "wedding")).json()["strategy"] == "fallback"
