"""One user's list: the blend, what is left out, and how long it is."""

from datetime import UTC, datetime

import httpx
import numpy as np
import pytest

from domain.blend import BlendPolicy, blend
from domain.rankings import Ranking
from tests.serving.conftest import Seeds, Start, event, ids, recommended, send

VECTOR = (0.5, 1.0)


@pytest.fixture
def ann(seeds: Seeds) -> int:
    return seeds.user("ann")


def blended_run(seeds: Seeds, user_no: int, *, events: int = 2) -> int:
    """Three films in the batch list, ten with vectors, two popular."""
    f = seeds.film_nos
    return seeds.run(
        batch={user_no: [(f[0], 3.0), (f[1], 2.5), (f[2], 1.0)]},
        vectors={f[n]: (1.0, float(n)) for n in range(10)},
        users={user_no: (VECTOR, events)},
        popular={"": [(f[20], 9.0), (f[21], 5.0), (f[22], 3.0)]},
    )


async def test_an_answer_tells_all_that_was_promised(
    client: httpx.AsyncClient, seeds: Seeds, ann: int
) -> None:
    run_id = blended_run(seeds, ann)
    before = datetime.now(UTC)
    answer = (await recommended(client, "ann", limit=3)).json()
    assert set(answer) == {
        "recommendation_id", "user_id", "placement", "experiment", "items", "source", "strategy",
        "degraded", "exclusions", "run", "categories_meant", "policy", "preferences", "next",
        "generated_at", "generation_time_ms", "list_age_seconds", "live_vector_age_seconds",
        "algorithm_version",
    }  # fmt: skip
    assert answer["user_id"] == "ann"
    assert answer["source"] == answer["strategy"] == "blend"
    assert answer["run"]["id"] == run_id
    assert answer["run"]["age_seconds"] >= 3600
    assert answer["policy"] == {
        "name": "fixed",
        "weights": {"batch": 0.7, "speed": pytest.approx(0.3)},
        "sharpness": 4.0,
        "events_since_cut_off": 2,
    }
    assert before <= datetime.fromisoformat(answer["generated_at"]) <= datetime.now(UTC)
    assert answer["generation_time_ms"] > 0
    assert set(answer["items"][0]) == {
        "item_id", "title", "score", "scores", "explored",
    }  # fmt: skip
    assert answer["items"][0]["title"] == "Film 0"


async def test_the_scores_are_those_of_the_blend(
    client: httpx.AsyncClient, seeds: Seeds, ann: int
) -> None:
    blended_run(seeds, ann)
    f = seeds.film_nos
    batch = Ranking.of(np.array(f[:3]), np.array([3.0, 2.5, 1.0]))
    speed = Ranking.of(np.array(f[:10]), np.array([0.5 + n for n in range(10)]))
    expected = blend({"batch": batch, "speed": speed}, {"batch": 0.7, "speed": 0.3}, 4.0)
    items = (await recommended(client, "ann", limit=10)).json()["items"]
    assert [item["item_id"] for item in items] == [f"film-{f.index(n)}" for n in expected.item_nos]
    shown = [item["score"] for item in items]
    assert shown == pytest.approx(expected.scores.tolist(), abs=1e-6)
    for name, scores in expected.by_source.items():
        shown = [item["scores"][name] for item in items]
        assert shown == pytest.approx(scores.tolist(), abs=1e-6), name
    assert {tuple(item["scores"]) for item in items} == {("batch", "speed")}


async def test_the_adaptive_policy_halves_the_batch_weight_with_events(
    start: Start, seeds: Seeds, ann: int
) -> None:
    blended_run(seeds, ann, events=3)
    client = await start(blend_policy="adaptive", blend_half_life_events=1.5)
    policy = (await recommended(client, "ann")).json()["policy"]
    expected = BlendPolicy("adaptive", half_life_events=1.5).weights(3)
    assert policy["name"] == "adaptive"
    assert policy["weights"] == pytest.approx(expected)
    assert policy["weights"]["batch"] == pytest.approx(0.7 / 4)


async def test_what_is_not_eligible_is_left_out_before_scores_are_scaled(
    client: httpx.AsyncClient, seeds: Seeds, ann: int
) -> None:
    blended_run(seeds, ann)
    seeds.hide_item(0)
    await send(client, event("ann", 9))
    by_id = {i["item_id"]: i for i in (await recommended(client, "ann")).json()["items"]}
    assert not {"film-0", "film-9"} & by_id.keys()
    assert by_id["film-1"]["scores"]["batch"] == 1.0
    assert by_id["film-8"]["scores"]["speed"] == 1.0


async def test_seen_items_may_be_asked_for_but_disliked_ones_stay_out(
    client: httpx.AsyncClient, seeds: Seeds, ann: int
) -> None:
    blended_run(seeds, ann)
    await send(
        client, event("ann", 0), event("ann", 1, "dislike"), event("ann", 2, "hide"),
        event("ann", 3, "click"),
    )  # fmt: skip
    default = ids(await recommended(client, "ann", limit=100))
    assert not {"film-0", "film-1", "film-2"} & set(default)
    assert "film-3" in default
    everything = ids(await recommended(client, "ann", limit=100, exclude_seen=False))
    assert everything[0] == "film-0"
    assert not {"film-1", "film-2"} & set(everything)


async def test_a_seen_item_is_gone_right_after_the_event_though_the_cache_was_warm(
    client: httpx.AsyncClient, seeds: Seeds, ann: int
) -> None:
    blended_run(seeds, ann)
    await recommended(client, "ann")
    warm = await recommended(client, "ann")
    assert warm.json()["source"] == "cache"
    assert "film-0" in ids(warm)
    assert (await send(client, event("ann", 0))).status_code == 202
    after = await recommended(client, "ann")
    assert after.json()["source"] == "blend"
    assert "film-0" not in ids(after)


async def test_an_item_no_longer_available_is_gone_from_the_cache_too(
    client: httpx.AsyncClient, seeds: Seeds, ann: int
) -> None:
    blended_run(seeds, ann)
    await recommended(client, "ann")
    assert "film-0" in ids(await recommended(client, "ann"))
    body = {"title": "Film 0", "available": False}
    assert (await client.put("/v1/items/film-0", json=body)).status_code == 200
    assert "film-0" not in ids(await recommended(client, "ann"))


async def test_a_list_has_as_many_items_as_were_asked_for_or_all_that_are_eligible(
    client: httpx.AsyncClient, seeds: Seeds, ann: int
) -> None:
    blended_run(seeds, ann)
    seeds.hide_item(29)
    for limit in (1, 10, 12, 14, 29, 100):
        items = (await recommended(client, "ann", limit=limit)).json()["items"]
        found = [item["item_id"] for item in items]
        assert len(set(found)) == len(found) == min(limit, 29)
        assert found[10:13] == ["film-20", "film-21", "film-22"][: max(0, limit - 10)]
        assert all((item["score"], item["scores"]) == (0, {}) for item in items[10:])


async def test_a_new_user_gets_what_is_popular(client: httpx.AsyncClient, seeds: Seeds) -> None:
    run_id = blended_run(seeds, 1)
    answer = await recommended(client, "nobody knows", limit=3)
    assert ids(answer) == ["film-20", "film-21", "film-22"]
    assert [i["score"] for i in answer.json()["items"]] == pytest.approx([1.0, 1 / 3, 0.0])
    assert answer.json()["source"] == "popular"
    assert answer.json()["run"]["id"] == run_id
    assert answer.json()["policy"]["weights"] == {"batch": 0, "speed": 0}


async def test_a_user_without_list_and_vector_gets_the_popular_items_not_yet_seen(
    client: httpx.AsyncClient, seeds: Seeds
) -> None:
    blended_run(seeds, 999)
    await send(client, event("bob", 20))
    answer = await recommended(client, "bob", limit=2)
    assert ids(answer) == ["film-21", "film-22"]
    assert answer.json()["source"] == "popular"


async def test_a_source_that_has_nothing_leaves_all_the_weight_to_the_other(
    client: httpx.AsyncClient, seeds: Seeds, ann: int
) -> None:
    bob, f = seeds.user("bob"), seeds.film_nos
    seeds.run(
        batch={bob: [(f[4], 2.0), (f[5], 1.0)]},
        vectors={f[n]: (1.0, float(n)) for n in range(5)},
        users={ann: (VECTOR, 3), bob: (None, 1)},
    )
    speed = (await recommended(client, "ann", limit=5)).json()
    assert (speed["source"], speed["policy"]["weights"]) == ("speed", {"batch": 0, "speed": 1})
    assert [i["item_id"] for i in speed["items"]] == [f"film-{n}" for n in (4, 3, 2, 1, 0)]
    batch = (await recommended(client, "bob", limit=2)).json()
    assert (batch["source"], batch["policy"]["weights"]) == ("batch", {"batch": 1, "speed": 0})
    assert [i["item_id"] for i in batch["items"]] == ["film-4", "film-5"]


async def test_before_the_first_run_the_log_tells_what_is_popular(
    client: httpx.AsyncClient,
) -> None:
    await send(client, event("ann", 7), event("bob", 7), event("bob", 8), event("cid", 9, "hide"))
    stranger = await recommended(client, "new", limit=3)
    assert ids(stranger) == ["film-7", "film-8", "film-29"]
    assert stranger.json()["run"] is None
    assert stranger.json()["source"] == "popular"
    assert ids(await recommended(client, "ann", limit=2)) == ["film-8", "film-29"]


async def test_an_empty_catalogue_gives_an_empty_list(
    client: httpx.AsyncClient, seeds: Seeds
) -> None:
    for film in range(30):
        seeds.hide_item(film)
    assert ids(await recommended(client, "ann")) == []


async def test_popular_lists_are_of_the_run_and_by_category(
    client: httpx.AsyncClient, seeds: Seeds
) -> None:
    f = seeds.film_nos
    run_id = seeds.run(popular={"": [(f[1], 4.0), (f[2], 2.0)], "war": [(f[2], 2.0)]})
    for film in (2, 3):
        await client.put(
            f"/v1/items/film-{film}", json={"title": f"Film {film}", "categories": ["war"]}
        )
    everything = await client.get("/v1/popular", params={"limit": 2})
    assert everything.json()["run"]["id"] == run_id
    assert everything.json()["items"] == [
        {"item_id": "film-1", "title": "Film 1", "score": 1.0},
        {"item_id": "film-2", "title": "Film 2", "score": 0.0},
    ]
    assert ids(await client.get("/v1/popular?category=war")) == ["film-2", "film-3"]
    assert ids(await client.get("/v1/popular?category=none")) == []


async def test_a_user_id_may_hold_slashes_and_any_script(
    client: httpx.AsyncClient, seeds: Seeds
) -> None:
    blended_run(seeds, 1)
    answer = await client.get("/v1/users/team%2F%C3%A5nn/recommendations")
    assert answer.json()["user_id"] == "team/ånn"
