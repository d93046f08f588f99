"""Placements of search, similar items and lists for everybody: what they have, and no more."""

from typing import Any

import httpx
import pytest

from tests.serving.conftest import Seeds, faults
from tests.serving.placements.saved_placements import saved

PATHS = (
    "/v1/search?q=film",
    "/v1/items/film-1/similar?",
    "/v1/similar?item_id=film-1&item_id=film-2",
    "/v1/popular?",
    "/v1/trending?",
    "/v1/latest?",
    "/v1/starter?",
)


@pytest.fixture(autouse=True)
def ann(seeds: Seeds) -> int:
    return seeds.listed_user("ann", popular=range(15))


async def listed(client: httpx.AsyncClient, path: str, more: str = "") -> Any:
    answer = await client.get(f"{path}&{more}")
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.parametrize("path", PATHS)
async def test_what_was_decided_holds_where_the_request_says_nothing(
    operator: httpx.AsyncClient, path: str
) -> None:
    plain = await listed(operator, path)
    assert plain["placement"] is None
    assert "fields_unknown" not in plain
    await saved(
        operator,
        "box",
        limit=4,
        fields=["categories"],
        filter='item_id != "film-3" and item_id != user.odd',
        variants=[{"when": {"device": ["phone"]}, "limit": 2}],
    )
    await operator.patch("/v1/users/ann", json={"attributes": {"odd": "film-4"}})
    placed = await listed(operator, path, "placement=box&user_id=ann")
    assert placed["placement"] == {"name": "box", "version": 1}
    assert len(placed["items"]) == 4
    assert {"categories", "item_id"} <= placed["items"][0].keys()
    assert "title" not in placed["items"][0]
    assert len((await listed(operator, path, "placement=box&context=device:phone"))["items"]) == 2
    assert len((await listed(operator, path, "placement=box&limit=3"))["items"]) == 3
    whole = await listed(operator, path, "placement=box&limit=100&user_id=ann")
    assert not {"film-3", "film-4"} & {item["item_id"] for item in whole["items"]}
    filtered = await listed(
        operator, path, "placement=box&limit=100&filter=item_id%20!=%20%22film-5%22"
    )
    assert not {"film-3", "film-5"} & {item["item_id"] for item in filtered["items"]}
    following = await listed(operator, path, f"placement=box&cursor={placed['next']}&user_id=ann")
    assert not {item["item_id"] for item in following["items"]} & {
        item["item_id"] for item in placed["items"]
    }
    other = await operator.get(f"{path}&cursor={placed['next']}&user_id=ann")
    assert list(faults(other)) == ["query:cursor"]


@pytest.mark.parametrize("path", PATHS)
async def test_what_such_a_list_does_not_have_is_refused_by_name(
    operator: httpx.AsyncClient, path: str
) -> None:
    await saved(operator, "home", limit=4, diversity=0.5, weights={"batch": 1})
    refused = await operator.get(f"{path}&placement=home")
    assert refused.status_code == 422
    detail = faults(refused)["query:placement"]
    assert detail.startswith("home decides on diversity, weights, which these lists do not have.")
    assert (await operator.get(f"{path}&placement=nowhere")).status_code == 422
    lonely = await operator.get(f"{path}&context=device:phone")
    assert list(faults(lonely)) == ["query:context"]


async def test_whether_seen_items_are_shown_can_be_decided_for_search_and_similar_items(
    operator: httpx.AsyncClient,
) -> None:
    event = {"event_id": "1", "user_id": "ann", "item_id": "film-2", "kind": "view"}
    assert (await operator.post("/v1/events", json={"events": [event]})).status_code == 202
    await saved(operator, "hiding", exclude_seen=True, limit=50)
    await saved(operator, "showing", exclude_seen=False, limit=50)
    for path in PATHS[:2]:
        for name, shown in (("hiding", False), ("showing", True)):
            found = await listed(operator, path, f"placement={name}&user_id=ann")
            assert ("film-2" in {item["item_id"] for item in found["items"]}) is shown
        own = await listed(operator, path, "placement=hiding&user_id=ann&exclude_seen=false")
        assert "film-2" in {item["item_id"] for item in own["items"]}
    assert (await operator.get("/v1/popular?placement=hiding")).status_code == 422
