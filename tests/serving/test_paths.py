"""Ids in paths: whatever they are made of, they are found where they were put."""

from typing import Any
from urllib.parse import quote

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from serving.paths import PathsAsSent, SentIdentifier
from tests.serving.conftest import Seeds, event, send

PIECES = ["/", "similar", "recommendations", "%2F", "%", "a", "é", "?", "#", " ", "\n", "+", ";"]
IDS = st.one_of(
    st.lists(st.sampled_from(PIECES), min_size=1, max_size=6).map("".join),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1),
).filter(lambda one: one not in {".", ".."} and len(one) <= 200)
through_one_app = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60
)


def sent(said: str) -> str:
    return quote(said, safe="")


@through_one_app
@given(IDS)
@example("a/similar")
@example("similar")
@example("a/recommendations")
@example("/similar")
@example("a%2Fsimilar")
async def test_an_item_is_found_where_it_was_put_and_has_similar_ones(
    client: httpx.AsyncClient, item_id: str
) -> None:
    path = f"/v1/items/{sent(item_id)}"
    stored = await client.put(path, json={"title": "Whatever"})
    assert (stored.status_code in {200, 201}, stored.json()["item_id"]) == (True, item_id)
    assert (await client.get(path)).json()["item_id"] == item_id
    similar = (await client.get(f"{path}/similar", params={"limit": 100})).json()
    assert similar["unknown_item_ids"] == []
    assert item_id not in {item["item_id"] for item in similar["items"]}


@through_one_app
@given(IDS)
@example("a/recommendations")
@example("recommendations")
@example("a/similar")
async def test_a_user_is_found_where_it_was_put_and_has_recommendations(
    client: httpx.AsyncClient, user_id: str
) -> None:
    path = f"/v1/users/{sent(user_id)}"
    stored = await client.put(path, json={"interests": {"words": ["space"]}})
    assert (stored.status_code in {200, 201}, stored.json()["user_id"]) == (True, user_id)
    assert (await client.get(path)).json()["user_id"] == user_id
    recommended = (await client.get(f"{path}/recommendations")).json()
    assert recommended["user_id"] == user_id
    assert (await client.delete(path)).json()["user_id"] == user_id


@pytest.mark.parametrize("event_id", ["order/7", "a/recommendations", "50%", "%2F"])
async def test_an_event_is_taken_back_by_the_id_it_was_sent_with(
    client: httpx.AsyncClient, seeds: Seeds, event_id: str
) -> None:
    await send(client, event("ann", 0, event_id=event_id))
    answer = await client.delete(f"/v1/events/{sent(event_id)}")
    assert (answer.status_code, answer.json()["event_id"]) == (200, event_id)


async def test_slashes_may_also_be_sent_as_they_are(client: httpx.AsyncClient) -> None:
    assert (await client.put("/v1/items/a/b", json={"title": "Ab"})).json()["item_id"] == "a/b"
    assert (await client.get("/v1/items/a%2Fb")).json()["item_id"] == "a/b"
    assert (await client.get("/v1/items/a/b/similar")).json()["unknown_item_ids"] == []
    recommended = await client.get("/v1/users/a/b/recommendations")
    assert recommended.json()["user_id"] == "a/b"


async def test_what_would_be_found_elsewhere_is_not_stored(
    client: httpx.AsyncClient, seeds: Seeds
) -> None:
    for path in ("/v1/items/a/similar", "/v1/users/a/recommendations"):
        refused = await client.put(path, json={"title": "Lost"})
        assert (refused.status_code, refused.headers["allow"]) == (405, "GET, HEAD")
    assert (await client.delete("/v1/users/a/recommendations")).status_code == 405
    assert seeds.count("items") == 30


async def test_a_problem_names_the_path_as_it_was_sent(client: httpx.AsyncClient) -> None:
    answer = await client.get("/v1/items/no%2fsuch%20thing")
    assert answer.json()["instance"] == "/v1/items/no%2Fsuch%20thing"
    assert "'no/such thing'" in answer.json()["detail"]


async def asked_path(scope: dict[str, Any]) -> str:
    seen: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["path"])

    await PathsAsSent(app)({"type": "http", **scope}, None, None)  # type: ignore[arg-type]
    return seen[0]


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1, max_size=4))
async def test_segments_stay_apart_and_are_written_in_one_way(segments: list[str]) -> None:
    raw = "/".join(map(sent, ["", *segments]))
    every_byte = "/".join(
        "".join(f"%{byte:02x}" for byte in segment.encode()) for segment in ["", *segments]
    )
    for spelling in (raw, every_byte):
        routed = await asked_path({"path": "ignored", "raw_path": spelling.encode()})
        assert routed == raw
    assert [SentIdentifier().convert(one) for one in raw.split("/")] == ["", *segments]


async def test_a_server_that_does_not_tell_what_was_sent_is_enough() -> None:
    assert await asked_path({"path": "/v1/items/é%b"}) == "/v1/items/%C3%A9%25b"
    assert await asked_path({"path": "/docs", "raw_path": None}) == "/docs"


@pytest.mark.parametrize("spelling", ["/a b;c", "/a%20b%3bc"])
async def test_what_stands_before_every_path_may_be_any_text(spelling: str) -> None:
    app = FastAPI()
    app.add_middleware(PathsAsSent)

    @app.get("/things/{one:id}")
    async def thing(one: str) -> str:
        return one

    transport = httpx.ASGITransport(app, root_path="/a b;c")
    async with httpx.AsyncClient(transport=transport, base_url="http://tandem") as client:
        assert (await client.get(f"{spelling}/things/x%2Fy")).json() == "x/y"
