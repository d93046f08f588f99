"""POST /v1/recommendations: baskets, groups, and many users at once."""

from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from pgvector import Vector
from sqlalchemy import Engine, text

from domain.rankings import Ranking
from serving.candidates.groups import together
from serving.candidates.user_state import UserState
from serving.exclusions.exclusions import Exclusions
from tests.passes import fold_all
from tests.serving.conftest import (
    Gate,
    Seeds,
    Start,
    event,
    faults,
    ids,
    recommended,
    send,
    token_of,
)
from tests.serving.declared import NOIR, ROBOTS, films, publish_robots_and_noir


async def asked(client: httpx.AsyncClient, **body: Any) -> httpx.Response:
    return await client.post("/v1/recommendations", json=body)


@pytest.fixture
def run_id(engine: Engine, film_nos: list[int]) -> int:
    return publish_robots_and_noir(engine, film_nos)


def item(film: int, weight: float = 1.0) -> dict[str, Any]:
    return {"item_id": f"film-{film}", "weight": weight}


@pytest.mark.usefixtures("run_id")
async def test_the_live_vector_of_a_basket_is_as_old_as_the_answer(
    client: httpx.AsyncClient, engine: Engine, seeds: Seeds
) -> None:
    await send(client, event("ann", 3, "like"))
    fold_all(engine)
    seeds.write(text("update user_embeddings set updated_at = now() - interval '2 days'"))
    age = "live_vector_age_seconds"
    assert (await asked(client, user_id="ann")).json()[age] > 86_400
    for user in ({"user_id": "ann"}, {}):
        assert 0 <= (await asked(client, **user, items=[item(5)])).json()[age] < 86_400


@pytest.mark.usefixtures("run_id")
async def test_a_basket_counts_as_the_same_events_would_and_nothing_is_written(
    client: httpx.AsyncClient, engine: Engine, seeds: Seeds
) -> None:
    # Views weigh 1, likes 3, dislikes -2.
    used = [(3, "like", 3.0), (20, "dislike", -2.0), (5, "view", 1.0)]
    times = [f"2026-01-01T12:00:0{n}Z" for n in range(3)]
    events = zip(used, times, strict=True)
    await send(client, *(event("ann", f, kind, occurred_at=at) for (f, kind, _), at in events))
    fold_all(engine)
    expected = (await recommended(client, "ann", limit=20)).json()
    counts = [seeds.count(table) for table in ("users", "interactions", "user_embeddings")]
    basket = [item(film, weight) for film, _, weight in used]
    answer = await asked(client, items=basket, limit=20)
    assert answer.json()["user_id"] is None
    assert answer.json()["strategy"] == expected["strategy"] == "speed"
    found = {each["item_id"]: each["score"] for each in answer.json()["items"]}
    assert found == pytest.approx(
        {each["item_id"]: each["score"] for each in expected["items"]}, abs=1e-9
    )
    # The same basket beside one's own history.
    await send(client, event("bob", 3, "like"))
    fold_all(engine)
    answer = await asked(client, user_id="bob", items=basket[1:], limit=20)
    assert answer.json()["policy"]["events_since_cut_off"] == 3
    for each in answer.json()["items"]:
        assert each["score"] == pytest.approx(found[each["item_id"]], abs=1e-9)
    assert seeds.count("users") == counts[0] + 1
    assert seeds.count("interactions") == counts[1] + 1
    # It was for once.
    alone = (await recommended(client, "bob", limit=20)).json()
    assert alone["policy"]["events_since_cut_off"] == 1


@pytest.mark.usefixtures("run_id")
async def test_what_a_basket_names_stays_out_and_what_it_is_against_always_does(
    client: httpx.AsyncClient, gate: Gate
) -> None:
    basket = [item(12), item(13, -1)]
    first = await asked(client, items=basket, limit=30)
    assert films(first) == {*range(30)} - {12, 13}
    shown = await asked(client, items=basket, limit=30, exclude_seen=False)
    assert films(shown) == {*range(30)} - {13}
    away = await asked(client, items=basket, limit=5)
    gate.shut()
    away = await asked(client, items=basket, limit=30)
    assert (away.json()["strategy"], away.json()["exclusions"]) == ("fallback", None)
    assert films(away).isdisjoint({12, 13})


@pytest.mark.usefixtures("run_id")
async def test_examples_draw_the_list_to_them_and_away(client: httpx.AsyncClient) -> None:
    plain = {"limit": 10, "explore": 0, "diversity": 0}
    robots = await asked(client, items=[item(1, 3)], **plain)
    assert films(robots) < set(ROBOTS)
    noir = await asked(client, items=[item(1, -3), item(25, 3)], **plain)
    # Film 29 comes next after film 5 only; the others are like film 25.
    assert films(noir) < set(NOIR)
    # What speaks against all of it alone makes no taste of its own.
    assert (await asked(client, items=[item(1, -3)], **plain)).json()["strategy"] == "popular"


@pytest.mark.usefixtures("run_id")
async def test_causes_of_a_basket_are_its_items_and_need_no_scope(
    client: httpx.AsyncClient, seeds: Seeds
) -> None:
    reader = {"X-API-Key": seeds.key("read", name="reader")}
    body = {"items": [item(3)], "interest": ["noir"], "explain": True, "limit": 30}
    answer = await client.post("/v1/recommendations", json=body, headers=reader)
    assert answer.json()["because_withheld"] is None
    causes = [cause for each in answer.json()["items"] for cause in each["because"]]
    assert {cause["item_id"] or cause["interest"] for cause in causes} == {"film-3", "noir"}
    of_ann = {"user_id": "ann", **body}
    answer = await client.post("/v1/recommendations", json=of_ann, headers=reader)
    assert answer.json()["because_withheld"]


async def test_a_body_for_one_user_is_answered_and_cached_as_the_query(
    client: httpx.AsyncClient, seeds: Seeds
) -> None:
    seeds.listed_user("ann")
    query = {
        "limit": 7, "exclude": ["film-2"], "exclude_seen": False, "diversity": 0.3, "explore": 0.1,
        "max_per_category": 3, "sharpness": 2,
    }  # fmt: skip
    first = await recommended(client, "ann", **query, weights=["batch:0.5", "speed:0.5"])
    answer = await asked(client, user_id="ann", **query, weights={"speed": 0.5, "batch": 0.5})
    assert answer.json()["source"] == "cache"
    assert answer.json()["items"] == first.json()["items"]
    assert answer.json()["recommendation_id"] != first.json()["recommendation_id"]


async def test_a_group_gets_what_its_members_like_together_and_none_of_them_has_seen(
    client: httpx.AsyncClient, seeds: Seeds, gate: Gate
) -> None:
    f = seeds.film_nos
    ann, bob = seeds.user("ann"), seeds.user("bob")
    seeds.run(
        batch={
            ann: [(f[0], 9.0), (f[1], 8.0), (f[2], 1.0)],
            bob: [(f[3], 0.9), (f[1], 0.8), (f[4], 0.1)],
        },
        vectors={f[n]: (np.cos(n / 10), np.sin(n / 10)) for n in range(16)},
        users={ann: ((2.0, 0.0), 1), bob: ((0.0, 0.5), 3)},
        popular={"": [(f[n], 30.0 - n) for n in range(20)]},
    )
    plain = {"user_ids": ["ann", "bob", "nobody"], "explore": 0, "diversity": 0}
    nightly = await asked(client, **plain, weights={"batch": 1})
    # Of film 1 both think well, though each likes another one best.
    assert ids(nightly)[0] == "film-1"
    live = await asked(client, **plain, weights={"speed": 1})
    # Between the two directions, whatever the lengths of the vectors.
    assert set(ids(live)[:2]) == {"film-7", "film-8"}
    assert live.json()["policy"]["events_since_cut_off"] == 2
    assert (live.json()["user_ids"], live.json()["user_id"]) == (plain["user_ids"], None)
    await send(client, event("ann", 1), event("bob", 7, "dislike"))
    for _ in range(2):
        answer = await asked(client, **plain, limit=30)
        assert {"film-1", "film-7"}.isdisjoint(ids(answer))
        assert (len(ids(answer)), answer.json()["exclusions"]) == (28, "known")
        seen = await asked(client, **plain, limit=30, exclude_seen=False)
        assert ("film-1" in ids(seen), "film-7" in ids(seen)) == (True, False)
    gate.shut()
    answer = await asked(client, **plain, limit=30)
    assert answer.json()["strategy"] == "fallback"
    # Of nobody nothing is known just now.
    assert answer.json()["exclusions"] == "unknown"
    assert {"film-1", "film-7"}.isdisjoint(ids(answer))


def test_members_count_alike_and_a_list_that_lacks_an_item_scores_it_0() -> None:
    def member(scores: dict[int, float], numbers: list[float] | None, *seen: int) -> UserState:
        vector = None if numbers is None else Vector(numbers)
        ranking = Ranking.of(np.array(list(scores)), np.array(list(scores.values())))
        exclusions = Exclusions(frozenset(seen))
        return UserState(ranking, vector, 0, (), exclusions=exclusions, following=ranking)

    group = [member({1: 3.0, 2: 1.0}, [0, 2], 9), member({2: 5.0}, [3, 0], 8), member({}, None)]
    state = together(group, exclude_seen=True)
    assert dict(zip(state.batch.item_nos, state.batch.scores, strict=True)) == {1: 0.5, 2: 0.5}
    assert np.allclose(state.embedding.to_numpy(), [0.5, 0.5])
    following = dict(zip(state.following.item_nos.tolist(), state.following.scores, strict=True))
    assert following == pytest.approx({1: 3 / 2 / 2, 2: (1 / 2 + 5 / 3) / 2})
    assert set(state.excluded) == {8, 9}
    assert together([], exclude_seen=True).embedding is None


async def test_each_of_many_users_gets_a_list_of_their_own_and_nothing_is_cached(
    client: httpx.AsyncClient, seeds: Seeds
) -> None:
    seeds.listed_user("ann")
    await send(client, event("ann", 0))
    users = ["ann", *(f"user-{n}" for n in range(30))]
    answer = await asked(client, users=users, limit=3)
    assert answer.status_code == 200
    lists = answer.json()["lists"]
    assert [each["user_id"] for each in lists] == users
    assert [each["problem"] for each in lists] == [None] * 31
    assert all(len(each["answer"]["items"]) == 3 for each in lists)
    of_ann = lists[0]["answer"]
    first = await recommended(client, "ann", limit=3)
    assert (of_ann["source"], first.json()["source"]) == ("blend", "blend")
    assert of_ann["items"] == first.json()["items"]
    assert len({each["answer"]["recommendation_id"] for each in lists}) == 31


async def test_a_problem_with_one_of_many_users_is_theirs_alone(
    client: httpx.AsyncClient, start: Start
) -> None:
    many = {"tags": [str(n) for n in range(900)], "more": [str(n) for n in range(900)]}
    await client.put("/v1/users/bob", json={"attributes": many})
    body = {"users": ["ann", "bob"], "filter": "a in user.tags or a in user.more"}
    lists = (await asked(client, **body)).json()["lists"]
    assert (lists[0]["problem"], lists[1]["answer"]) == (None, None)
    assert lists[1]["problem"]["status"] == 422
    assert lists[1]["problem"]["errors"][0]["pointer"] == "/filter"
    hasty = await start(many_users_seconds=1e-9)
    lists = (await asked(hasty, users=["ann", "bob"])).json()["lists"]
    assert {each["problem"]["status"] for each in lists} == {503}
    assert {each["problem"]["type"] for each in lists} == {"urn:tandem:problem:store-unavailable"}


async def test_what_is_wrong_with_a_body_is_said_where_it_stands(
    client: httpx.AsyncClient, subtests: pytest.Subtests
) -> None:
    for body, where in (
        ({}, ""),
        ({"limit": 5}, ""),
        ({"user_id": "ann", "users": ["bob"]}, ""),
        ({"user_ids": ["ann", "bob"], "items": [item(1)]}, ""),
        ({"user_ids": ["ann"]}, "/user_ids"),
        ({"user_ids": ["ann", "ann"]}, "/user_ids"),
        ({"users": []}, "/users"),
        ({"users": [f"{n}" for n in range(1001)]}, "/users"),
        ({"users": ["me"]}, "/users/0"),
        ({"user_id": "me"}, "/user_id"),
        ({"items": [item(1), item(77), item(78)]}, "/items/1/item_id"),
        ({"items": [item(1, 0)]}, "/items/0/weight"),
        ({"items": [item(1)] * 101}, "/items"),
        ({"interest_item": ["film-1", "no-film"]}, "/interest_item/1"),
        ({"user_id": "ann", "filter": "year >"}, "/filter"),
        ({"items": [item(1)], "filter": "a = user.b"}, "/filter"),
        ({"user_id": "ann", "limit": "5"}, "/limit"),
        ({"user_id": "ann", "explain": "true"}, "/explain"),
        ({"user_id": "ann", "weights": {"night": 1}}, "/weights/night"),
        ({"user_id": "ann", "weights": {"batch": 1}, "policy": "fixed"}, "/policy"),
        ({"user_id": "ann", "offset": 5}, "/offset"),
    ):
        with subtests.test(body=body):
            answer = await asked(client, **body)
            assert answer.status_code == 422, answer.text
            assert any(pointer.startswith(where) for pointer in faults(answer)), answer.text


async def test_a_token_asks_for_its_own_user_and_nobody_else(
    with_tokens: httpx.AsyncClient, seeds: Seeds, signing_keys_file: Path
) -> None:
    del signing_keys_file
    seeds.listed_user("ann")
    seeds.user("bob")
    headers = await token_of(with_tokens, "ann")
    for body, status in (
        ({"user_id": "me"}, 200),
        ({"user_id": "ann", "items": [item(1)], "explain": True}, 200),
        ({"items": [item(1)]}, 200),
        ({"user_id": "bob"}, 403),
        ({"user_ids": ["ann", "bob"]}, 403),
        ({"users": ["ann"]}, 403),
        ({"users": ["bob"]}, 403),
    ):
        answer = await with_tokens.post("/v1/recommendations", json=body, headers=headers)
        assert answer.status_code == status, (body, answer.text)


@pytest.mark.usefixtures("run_id")
async def test_a_basket_of_a_run_that_is_dropped_is_answered_from_the_next(
    client: httpx.AsyncClient, engine: Engine, film_nos: list[int], run_id: int
) -> None:
    assert (await asked(client, items=[item(1)])).json()["run"]["id"] == run_id
    following = publish_robots_and_noir(engine, film_nos)
    with engine.begin() as connection:
        connection.execute(text("select drop_run_partitions(:run_id)"), {"run_id": run_id})
    answer = (await asked(client, items=[item(1)])).json()
    assert (answer["run"]["id"], answer["strategy"]) == (following, "speed")
