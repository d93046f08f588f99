"""POST /v1/rank."""

from typing import Any

import httpx

from tests.serving.conftest import Gate, Seeds, Start, event, faults, recommended, send, token_of


async def ranked(client: httpx.AsyncClient, user: str, films: list[int], **more: Any) -> Any:
    body = {"user_id": user, "item_ids": [f"film-{n}" for n in films], **more}
    return await client.post("/v1/rank", json=body)


def order(answer: httpx.Response) -> list[int]:
    assert answer.status_code == 200, answer.text
    return [int(item["item_id"].removeprefix("film-")) for item in answer.json()["items"]]


async def test_items_come_back_in_the_order_and_with_the_scores_of_the_list(
    client: httpx.AsyncClient, seeds: Seeds
) -> None:
    seeds.listed_user("ann")
    whole = (await recommended(client, "ann", limit=30)).json()["items"]
    best = [item["item_id"] for item in whole if item["score"] > 0]
    answer = await ranked(client, "ann", [3, 9, 25, 0, 1])
    assert answer.json()["left_out"] == []
    assert sorted(order(answer)) == [0, 1, 3, 9, 25]
    known = [item for item in answer.json()["items"] if item["score"] > 0]
    assert [item["item_id"] for item in known] == [
        item_id for item_id in best if item_id in {"film-0", "film-1", "film-3", "film-9"}
    ]
    assert (order(answer)[-1], answer.json()["items"][-1]["score"]) == (25, 0)
    assert answer.json()["recommendation_id"]
    assert seeds.count("users") == 1


async def test_what_may_not_be_shown_is_left_out_and_named(
    client: httpx.AsyncClient, seeds: Seeds
) -> None:
    seeds.listed_user("ann")
    await send(client, event("ann", 1), event("ann", 2, "dislike"))
    seeds.hide_item(3)
    asked = [0, 1, 2, 3, 77]
    answer = await ranked(client, "ann", asked)
    assert sorted(order(answer)) == [0, 1]
    assert answer.json()["left_out"] == ["film-2", "film-3", "film-77"]
    answer = await ranked(client, "ann", asked, exclude_seen=True)
    assert order(answer) == [0]
    assert answer.json()["left_out"] == ["film-1", "film-2", "film-3", "film-77"]


async def test_an_unknown_user_gets_what_is_popular_first(
    client: httpx.AsyncClient, seeds: Seeds
) -> None:
    seeds.listed_user("ann", popular=range(6))
    assert order(await ranked(client, "nobody", [5, 20, 2]))[:2] == [2, 5]
    assert seeds.count("users") == 1


async def test_a_token_ranks_for_its_user_only(
    with_tokens: httpx.AsyncClient, seeds: Seeds
) -> None:
    seeds.listed_user("ann")
    token = await token_of(with_tokens, "ann")
    body = {"user_id": "me", "item_ids": ["film-1", "film-0"], "explain": True}
    own = await with_tokens.post("/v1/rank", json=body, headers=token)
    assert (order(own), own.json()["user_id"]) == ([0, 1], "ann")
    assert own.json()["because_withheld"] is None
    other = await with_tokens.post("/v1/rank", json={**body, "user_id": "bob"}, headers=token)
    assert other.status_code == 403
    nobody = await with_tokens.post("/v1/rank", json=body)
    assert list(faults(nobody)) == ["/user_id"]


async def test_while_the_database_is_away_the_order_is_that_of_what_is_popular(
    start: Start, seeds: Seeds, gate: Gate
) -> None:
    seeds.listed_user("ann", popular=range(6))
    client = await start()
    gate.shut()
    answer = await ranked(client, "bob", [5, 2, 4])
    assert order(answer) == [2, 4, 5]
    assert answer.json()["strategy"] == "fallback"


async def test_what_is_wrong_with_the_items_is_said(client: httpx.AsyncClient) -> None:
    for films in ([], [1, 1], list(range(201))):
        answer = await ranked(client, "ann", films)
        assert answer.status_code == 422, films[:3]
        assert "/item_ids" in faults(answer)
