"""explain=true: what each source said of each item, and what kept others out."""

import httpx
import pytest
from sqlalchemy import Engine, text

from domain.identifiers import UserNo
from tests.events import user_no_of
from tests.passes import store_live_vector
from tests.serving.conftest import Seeds, event, ids, recommended, send
from tests.small_run import publish_small_run


@pytest.fixture
async def ann(client: httpx.AsyncClient, engine: Engine, film_nos: list[int]) -> UserNo:
    """A user who has seen film 29, with films 0 to 5 in the nightly list.

    All thirty films have vectors; the even ones are of the category war.
    """
    await send(client, event("ann", 29))
    with engine.begin() as connection:
        connection.execute(
            text(
                "update items set attributes = jsonb_build_object('no', item_no - 1),"
                " categories = case when item_no % 2 = 1 then array['war'] else '{}' end"
            )
        )
        user_no = user_no_of(connection, "ann")
        listed = [(film_nos[n], 10.0 - n) for n in range(6)]
        run_id = publish_small_run(connection, film_nos, lists={user_no: listed})
        store_live_vector(connection, run_id, user_no)
    return user_no


async def explained(client: httpx.AsyncClient, **query: object) -> httpx.Response:
    return await recommended(client, "ann", explain=True, explore=0, **query)


@pytest.mark.usefixtures("ann")
async def test_each_item_has_its_score_and_rank_in_each_source_also_from_the_cache(
    client: httpx.AsyncClient,
) -> None:
    answer = await explained(client, limit=30, diversity=0)
    items = answer.json()["items"]
    by_id = {item["item_id"]: item for item in items}
    assert by_id["film-1"]["sources"]["batch"] == {
        "score": 9.0,
        "scaled": pytest.approx(0.8),
        "rank": 2,
    }
    assert by_id["film-25"]["sources"].keys() == {"speed"}
    ranks = sorted(item["sources"]["speed"]["rank"] for item in items)
    assert ranks == [*range(1, 30)]
    by_rank = sorted(items, key=lambda item: item["sources"]["speed"]["rank"])
    live = [item["sources"]["speed"]["score"] for item in by_rank]
    assert live == sorted(live, reverse=True)
    # Without diversity and caps it is the order of the blend.
    assert [item["blend_rank"] for item in items] == [*range(1, 30)]
    for item in items:
        for name, source in item["sources"].items():
            assert source["scaled"] == item["scores"][name]
    weights = answer.json()["policy"]["weights"]
    for item in items:
        blended = sum(weights[name] * score**4 for name, score in item["scores"].items())
        assert item["score"] == pytest.approx(blended)
    again = await explained(client, limit=30, diversity=0)
    assert again.json()["source"] == "cache"
    assert again.json()["items"] == items
    assert again.json()["removed"] == answer.json()["removed"] == {"seen": 1}


@pytest.mark.usefixtures("ann")
async def test_what_is_not_in_the_list_is_counted_by_reason(
    client: httpx.AsyncClient, seeds: Seeds
) -> None:
    await send(client, event("ann", 1), event("ann", 3), event("ann", 4, "dislike"))
    seeds.hide_item(5)
    plain = (await explained(client, limit=30)).json()["removed"]
    assert plain == {"disliked": 1, "seen": 3, "unavailable": 1}
    shown = (await explained(client, limit=30, exclude_seen=False)).json()["removed"]
    assert shown == {"disliked": 1, "unavailable": 1}
    # Each once, for the first reason: film 4 is disliked before it is of a category.
    asked = {
        "exclude": ["film-6", "film-7"],
        "exclude_category": "war",
        "filter": "no < 15",
        "limit": 3,
    }
    counts = (await explained(client, **asked)).json()["removed"]
    assert counts == {
        "disliked": 1,
        "seen": 3,
        "unavailable": 1,
        "excluded": 2,
        "category": len([0, 2, *range(8, 29, 2)]),
        "filter": len([*range(15, 28, 2)]),
    }
    capped = await explained(client, limit=6, max_per_category=2, diversity=0)
    assert capped.json()["removed"]["capped"] > 0
    # What a short list has no room for is not removed.
    assert (await explained(client, limit=1)).json()["removed"] == plain


@pytest.mark.usefixtures("ann")
async def test_nothing_of_it_is_told_without_the_scope_or_without_asking(
    client: httpx.AsyncClient, seeds: Seeds
) -> None:
    plain = (await recommended(client, "ann")).json()
    assert "removed" not in plain
    assert not {"sources", "blend_rank"} & plain["items"][0].keys()
    reader = {"X-API-Key": seeds.key("read", name="reader")}
    path = "/v1/users/ann/recommendations"
    answer = (await client.get(path, params={"explain": True}, headers=reader)).json()
    assert answer["removed"] is answer["items"][0]["sources"] is None
    stranger = (await recommended(client, "nobody", explain=True)).json()
    assert (stranger["removed"], stranger["items"][0]["sources"]) == (None, {})


@pytest.mark.usefixtures("ann")
async def test_a_rank_and_a_group_are_explained_too(
    client: httpx.AsyncClient, seeds: Seeds
) -> None:
    body = {"user_id": "ann", "item_ids": ["film-2", "film-77"], "explain": True}
    ranked = (await client.post("/v1/rank", json=body)).json()
    assert ranked["items"][0]["sources"]["batch"]["score"] == 8.0
    # It says itself which of the items it leaves out.
    assert (ranked["removed"], ranked["left_out"]) == (None, ["film-77"])
    seeds.user("bob")
    group = {"user_ids": ["ann", "bob"], "explain": True, "limit": 3}
    answer = await client.post("/v1/recommendations", json=group)
    assert answer.json()["removed"] == {"seen": 1}
    assert {*answer.json()["items"][0]["sources"]} <= {"batch", "speed"}
    assert answer.json()["items"][0]["because"] == []
    assert len(ids(answer)) == 3
