"""Categories that are asked for or not wanted, caps on them, and how diverse a list is."""

import json
from collections import Counter
from typing import Any

import httpx
import pytest
from sqlalchemy import update

from tests import tables
from tests.serving.conftest import Gate, Seeds, Start, event, ids, recommended, send

GENRES = ("war", "crime", "comedy")


@pytest.fixture
def ann(seeds: Seeds) -> int:
    """Thirty films: every third is of one genre; the first two thirds have vectors.

    Film 29 is of two genres, film 28 of none.
    """
    f = seeds.film_nos
    for n in range(30):
        names = [] if n == 28 else [GENRES[n % 3]]
        names += ["war"] if n == 29 else []
        items = tables.items
        seeds.write(update(items).where(items.c.item_no == f[n]).values(categories=names))
    ann, bob = seeds.user("ann"), seeds.user("bob")
    seeds.run(
        batch={
            ann: [(f[0], 3.0), (f[1], 2.5), (f[2], 1.0), (f[3], 0.5)],
            bob: [(f[n], 9.0 - n) for n in range(6)],
        },
        vectors={f[n]: (1.0 - n / 100, n / 100, 0.0, 0.0) for n in range(20)},
        users={ann: ((1.0, 0.0, 0.0, 0.0), 1)},
        popular={
            "": [(f[n], 30.0 - n) for n in range(20, 26)],
            "war": [(f[21], 2.0), (f[24], 1.0)],
        },
    )
    return ann


def genres_of(answer: httpx.Response) -> list[set[str]]:
    numbers = [int(item_id.removeprefix("film-")) for item_id in ids(answer)]
    return [
        set() if n == 28 else {GENRES[n % 3], "war"} if n == 29 else {GENRES[n % 3]}
        for n in numbers
    ]


@pytest.mark.parametrize("user", ["ann", "bob", "nobody"])
async def test_a_category_is_kept_to_with_every_strategy_and_the_list_is_as_long_as_it_can_be(
    client: httpx.AsyncClient, ann: int, user: str
) -> None:
    for limit in (1, 5, 10, 11, 30):
        answer = await recommended(client, user, limit=limit, category="war")
        assert all("war" in genres for genres in genres_of(answer))
        assert len(set(ids(answer))) == len(ids(answer)) == min(limit, 11)
    either = await recommended(client, user, limit=30, category=["war", "crime"])
    assert len(ids(either)) == 20
    assert all(genres & {"war", "crime"} for genres in genres_of(either))


@pytest.mark.parametrize("user", ["ann", "bob", "nobody"])
async def test_an_excluded_category_never_appears(
    client: httpx.AsyncClient, ann: int, user: str
) -> None:
    answer = await recommended(client, user, limit=30, exclude_category=["war", "crime"])
    assert len(ids(answer)) == 10
    assert all(genres <= {"comedy"} for genres in genres_of(answer))
    both = await recommended(client, user, limit=30, category="comedy", exclude_category="war")
    assert len(ids(both)) == 9


async def test_a_filtered_list_is_the_blend_of_what_passes(
    client: httpx.AsyncClient, ann: int
) -> None:
    answer = await recommended(client, "ann", limit=7, category="crime", diversity=0)
    assert ids(answer) == [f"film-{n}" for n in (1, 4, 7, 10, 13, 16, 19)]
    assert answer.json()["strategy"] == "blend"
    assert answer.json()["items"][0]["scores"]["batch"] == 1.0


async def test_a_filter_leaves_out_what_is_seen_too(client: httpx.AsyncClient, ann: int) -> None:
    await send(client, event("ann", 1), event("ann", 22))
    found = ids(await recommended(client, "ann", limit=30, category="crime"))
    assert len(found) == 7
    assert not {"film-1", "film-22"} & set(found)


@pytest.mark.parametrize("user", ["ann", "bob", "nobody"])
async def test_no_category_has_more_than_its_cap_as_long_as_others_are_eligible(
    client: httpx.AsyncClient, ann: int, user: str
) -> None:
    for limit, most in ((3, 1), (4, 2), (6, 2), (8, 3)):
        answer = await recommended(client, user, limit=limit, max_per_category=most)
        counts = Counter(name for genres in genres_of(answer) for name in genres)
        assert len(set(ids(answer))) == limit
        assert max(counts.values()) <= most


@pytest.mark.parametrize("user", ["ann", "bob", "nobody"])
async def test_caps_give_way_before_a_list_is_too_short(
    client: httpx.AsyncClient, ann: int, user: str
) -> None:
    for limit in (20, 29, 30, 50):
        answer = await recommended(client, user, limit=limit, max_per_category=2)
        assert len(set(ids(answer))) == len(ids(answer)) == min(limit, 30)
        first = Counter(name for genres in genres_of(answer)[:7] for name in genres)
        assert max(first.values()) <= 2
        assert "film-28" in ids(answer)[:7]
    only = await recommended(client, user, limit=5, category="war", max_per_category=1)
    assert len(ids(only)) == 5


async def test_a_cap_of_all_lists_is_a_setting(start: Start, ann: int) -> None:
    client = await start(max_per_category=1)
    assert len({frozenset(g) for g in genres_of(await recommended(client, "ann", limit=3))}) == 3
    lifted = await recommended(client, "ann", limit=4, max_per_category=100, category="war")
    assert genres_of(lifted) == [{"war"}] * 4


async def test_items_without_a_vector_have_their_position_in_a_diverse_list(
    client: httpx.AsyncClient, seeds: Seeds, ann: int
) -> None:
    f = seeds.film_nos
    eve, run_id = seeds.user("eve"), 1
    lists = tables.batch_recommendations
    row = {"user_no": eve, "item_nos": [f[0], f[25], f[26]], "scores": [3.0, 2.0, 1.0]}
    seeds.write(lists.insert().values(run_id=run_id, **row))
    for user in ("bob", "eve", "eve"):
        answer = await recommended(client, user, limit=3, diversity=0.5, explain=user == "bob")
        assert answer.json()["degraded"] in {None, "redis_away"}
        assert len(set(ids(answer))) == 3
    assert set(ids(answer)) == {"film-0", "film-25", "film-26"}


async def test_caps_filters_and_diversity_have_cached_answers_of_their_own(
    client: httpx.AsyncClient, ann: int
) -> None:
    queries: list[dict[str, Any]] = [
        {}, {"category": "war"}, {"category": "crime"}, {"exclude_category": "war"},
        {"category": ["war", "crime"]}, {"max_per_category": 1}, {"max_per_category": 2},
        {"diversity": 0.5}, {"explore": 0.5}, {"explore": 0.25},
    ]  # fmt: skip
    made = [(await recommended(client, "ann", limit=6, **query)).json() for query in queries]
    kept = [(await recommended(client, "ann", limit=6, **query)).json() for query in queries]
    assert {answer["source"] for answer in made} == {"blend"}
    assert {answer["source"] for answer in kept} == {"cache"}
    assert [answer["items"] for answer in kept] == [answer["items"] for answer in made]
    other_order = await recommended(client, "ann", limit=6, category=["crime", "war"])
    assert other_order.json()["source"] == "cache"


async def test_more_diversity_brings_what_is_less_similar(
    client: httpx.AsyncClient, seeds: Seeds
) -> None:
    f = seeds.film_nos
    bea = seeds.user("bea")
    # Films 0 to 4 are nearly the same; 5 and 6 are something else and a little farther.
    vectors = {f[n]: (1.0, 0.01 * n, 0.0, 0.0, 0.0) for n in range(5)}
    vectors |= {f[5]: (0.9, 0.9, 0.0, 0.0, 0.0), f[6]: (0.8, 0.0, 0.9, 0.0, 0.0)}
    vectors |= {f[n]: (0.0, 0.0, 0.0, 0.0, 0.0) for n in range(7, 10)}
    seeds.run(vectors=vectors, users={bea: ((1.0, 0.0, 0.0, 0.0, 0.0), 1)})
    plain = ids(await recommended(client, "bea", limit=3, diversity=0, explore=0))
    assert plain == ["film-0", "film-1", "film-2"]
    diverse = await recommended(client, "bea", limit=3, diversity=0.5, explore=0)
    assert ids(diverse) == ["film-0", "film-5", "film-6"]
    assert diverse.json()["degraded"] is None
    assert len(ids(await recommended(client, "bea", limit=30, diversity=1))) == 30


async def test_without_the_database_the_fallback_keeps_to_filters_and_caps(
    start: Start, ann: int, gate: Gate
) -> None:
    client = await start(redis_url="unix:///nowhere.sock")
    assert (await recommended(client, "ann")).status_code == 200
    gate.shut()
    war = await recommended(client, "ann", limit=30, category="war")
    assert war.json()["strategy"] == "fallback"
    assert all("war" in genres for genres in genres_of(war))
    assert len(ids(war)) == 11
    without = await recommended(client, "ann", limit=30, exclude_category="war")
    assert len(ids(without)) == 19
    capped = await recommended(client, "ann", limit=3, max_per_category=1)
    assert max(Counter(name for genres in genres_of(capped) for name in genres).values()) == 1
    assert len(ids(await recommended(client, "ann", limit=30, max_per_category=1))) == 30
    assert ids(await recommended(client, "ann", category="opera")) == [], "there is none"


async def test_what_makes_no_sense_is_refused_with_its_name(
    client: httpx.AsyncClient, subtests: pytest.Subtests
) -> None:
    for name, value in (
        ("diversity", "1.5"),
        ("diversity", "nan"),
        ("max_per_category", "0"),
        ("category", ""),
        ("exclude_category", "x" * 201),
        ("category", "a\0b"),
    ):
        with subtests.test(name=name):
            answer = await recommended(client, "ann", **{name: value})
            assert answer.status_code == 422
            assert json.loads(answer.content)["errors"][0]["pointer"].startswith(f"query:{name}")


async def test_an_item_that_changes_categories_is_where_it_belongs_in_cached_answers_too(
    client: httpx.AsyncClient, ann: int, gate: Gate
) -> None:
    async def shown(**query: str) -> list[str]:
        return ids(await recommended(client, "ann", limit=30, **query))

    assert "film-3" in await shown(category="war")
    assert "film-3" in await shown(exclude_category="comedy")
    body = {"title": "Film 3", "categories": ["comedy"]}
    await client.put("/v1/items/film-3", json=body)
    for _ in range(2):
        assert "film-3" not in await shown(category="war")
        assert "film-3" not in await shown(exclude_category="comedy")
    kept = await recommended(client, "ann", limit=30, category="war")
    await client.put("/v1/items/film-3", json={**body, "description": "Another."})
    again = await recommended(client, "ann", limit=30, category="war")
    assert (kept.json()["source"], again.json()["source"]) == ("cache", "cache")
    gate.shut()
    fallback = await recommended(client, "bob", limit=29, exclude_category="comedy")
    assert fallback.json()["strategy"] == "fallback"
    assert "film-3" not in ids(fallback)


async def test_what_is_popular_in_a_category_is_of_it_now(
    client: httpx.AsyncClient, ann: int
) -> None:
    await client.put("/v1/items/film-21", json={"title": "Film 21", "categories": ["crime"]})
    assert "film-21" not in ids(await recommended(client, "nobody", limit=30, category="war"))
