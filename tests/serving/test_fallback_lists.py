"""With PostgreSQL away the lists for everybody that were asked for are shown as they were."""

import httpx
import pytest

from domain.identifiers import ItemNo
from serving.candidates.catalogue_items import CatalogueItem
from serving.lists.recommendation_list import backfill_items
from serving.non_personalized.non_personalized_list import (
    FallbackLists,
    ListKey,
    NonPersonalizedList,
)
from tests.serving.conftest import Gate, Seeds, Start, event, send
from tests.serving.non_personalized import PATHS, asked, films, publish_lists


@pytest.fixture
def run_id(seeds: Seeds) -> int:
    return publish_lists(seeds)


async def test_without_the_store_the_fallback_is_shown_without_what_the_user_has_seen(
    start: Start, seeds: Seeds, run_id: int, gate: Gate, subtests: pytest.Subtests
) -> None:
    client = await start(popular_refresh_seconds=0.1)
    expected = {}
    for n, path in enumerate(path for path in PATHS if "session" not in path):
        shown = expected[path] = films(await client.get(asked(path, limit=6)))
        for user in (f"ann-{n}", f"bob-{n}"):
            await send(client, event(user, shown[0]), event(user, shown[1], "dislike"))
    gate.shut()
    for n, (path, shown) in enumerate(expected.items()):
        with subtests.test(path=path):
            answer = await client.get(asked(path, limit=6))
            assert films(answer) == shown
            assert (answer.json()["strategy"], answer.json()["run"]["id"]) == ("fallback", run_id)
            assert answer.json()["degraded"].startswith("postgres_")
            left = films(await client.get(asked(path, limit=6, user_id=f"ann-{n}")))
            assert len(left) == 6
            assert left[:4] == shown[2:]


async def test_without_the_store_what_was_never_asked_for_is_what_is_popular(
    run_id: int, client: httpx.AsyncClient, gate: Gate, subtests: pytest.Subtests
) -> None:
    gate.shut()
    for path in PATHS:
        with subtests.test(path=path):
            answer = await client.get(asked(path, limit=3))
            assert films(answer) == [0, 1, 2]
            assert answer.json()["strategy"] == "fallback"
            dramas = await client.get(asked(path, limit=100, category="drama"))
            assert films(dramas) == list(range(10))


async def test_an_item_taken_away_leaves_the_fallback(
    run_id: int, client: httpx.AsyncClient, gate: Gate
) -> None:
    assert films(await client.get("/v1/trending?limit=2")) == [21, 22]
    await client.put("/v1/items/film-21", json={"title": "Gone", "available": False})
    gate.shut()
    assert films(await client.get("/v1/trending?limit=2")) == [22, 0]


async def test_an_item_that_left_a_category_leaves_its_fallback_list(
    run_id: int, client: httpx.AsyncClient, gate: Gate
) -> None:
    assert films(await client.get("/v1/trending?limit=2&category=drama")) == [9, 0]
    for film in (9, 0):
        body = {"title": f"Film {film}", "categories": ["comedy"]}
        await client.put(f"/v1/items/film-{film}", json=body)
    gate.shut()
    fallback = await client.get("/v1/trending?limit=3&category=drama")
    assert fallback.json()["strategy"] == "fallback"
    assert films(fallback) == [1, 2, 3]
    assert films(await client.get("/v1/popular?category=comedy")) == [0, 9]


async def test_a_list_that_only_users_asked_for_is_kept_from_the_next_refresh_on() -> None:
    fallback, key, asked_for = FallbackLists(), ListKey("trending_week"), []
    fallback.note(key)
    assert fallback.find(key) is None

    async def load(given: ListKey) -> NonPersonalizedList:
        asked_for.append(given)
        return NonPersonalizedList(
            "trending", None, backfill_items([CatalogueItem(ItemNo(1), "one", "One")])
        )

    await fallback.refresh(load)
    assert asked_for == [key]
    assert fallback.find(key) is not None


async def test_lists_that_are_asked_for_are_kept_whatever_else_is() -> None:
    fallback, usual = FallbackLists(), ListKey("trending_week")
    listed = NonPersonalizedList(
        "trending", None, backfill_items([CatalogueItem(ItemNo(1), "one", "One")])
    )
    fallback.keep(usual, listed)
    for n in range(120):
        fallback.note(ListKey("popular", f"category {n}"))
        if n == 60:
            fallback.keep(usual, listed)
    assert fallback.find(usual) == listed


async def test_lists_with_nothing_on_them_push_no_other_out(
    client: httpx.AsyncClient, run_id: int, gate: Gate
) -> None:
    assert films(await client.get("/v1/trending?limit=1")) == [21]
    for n in range(110):
        path = f"/v1/popular?limit=1&user_id=ann&category=made-up-{n}"
        assert films(await client.get(path)) == []
    gate.shut()
    assert films(await client.get("/v1/trending?limit=1")) == [21]
