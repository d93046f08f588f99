"""Ids in paths: whatever they are made of, they are found where they were put."""

from typing import Any
from urllib.parse import quote

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from domain.identifiers import id_fault
from serving.http.paths import PathsAsSent, SentIdentifier, Utf8Only
from tests.serving.conftest import Seeds, event, faults, send

PIECES = ["/", "similar", "recommendations", "%2F", "%", "a", "é", "?", "#", " ", "+", ";"]
IDS = st.one_of(
    st.lists(st.sampled_from(PIECES), min_size=1, max_size=6).map("".join),
    st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1),
).filter(lambda text: id_fault(text) is None and len(text) <= 200)
through_one_app = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60
)


def sent(text: str) -> str:
    return quote(text, safe="")


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
    assert [SentIdentifier().convert(segment) for segment in raw.split("/")] == ["", *segments]


async def test_a_server_that_does_not_tell_what_was_sent_is_enough() -> None:
    assert await asked_path({"path": "/v1/items/é%b"}) == "/v1/items/%C3%A9%25b"
    assert await asked_path({"path": "/docs", "raw_path": None}) == "/docs"


@pytest.mark.parametrize("spelling", ["/a b;c", "/a%20b%3bc"])
async def test_what_stands_before_every_path_may_be_any_text(spelling: str) -> None:
    app = FastAPI()
    app.add_middleware(PathsAsSent)

    @app.get("/things/{segment:id}")
    async def thing(segment: str) -> str:
        return segment

    transport = httpx.ASGITransport(app, root_path="/a b;c")
    async with httpx.AsyncClient(transport=transport, base_url="http://tandem") as client:
        assert (await client.get(f"{spelling}/things/x%2Fy")).json() == "x/y"


NOT_UTF8 = ["%FF", "%C3", "%C0%AF", "%E0%80%AF", "%ED%A0%80", "%F5%80%80%80", "zz-%FE"]
"""A stray byte, half a character, slashes written too long, a surrogate, beyond Unicode."""


async def test_bytes_that_are_not_utf8_are_refused_in_every_path_and_query(
    client: httpx.AsyncClient, seeds: Seeds, subtests: pytest.Subtests
) -> None:
    for sent in NOT_UTF8:
        with subtests.test(sent=sent):
            requests = [
                ("PUT", f"/v1/items/{sent}", "path", {"title": "Whatever"}),
                ("GET", f"/v1/items/{sent}/similar", "path", None),
                ("PUT", f"/v1/users/{sent}", "path", {}),
                ("DELETE", f"/v1/users/{sent}", "path", None),
                ("GET", f"/v1/users/{sent}/recommendations", "path", None),
                ("DELETE", f"/v1/events/{sent}", "path", None),
                ("GET", f"/v1/popular?limit=1&category={sent}", "query:category", None),
                (
                    "GET",
                    f"/v1/users/ann/recommendations?interest_item={sent}",
                    "query:interest_item",
                    None,
                ),
                ("GET", f"/v1/search?q=a+{sent}", "query:q", None),
                ("GET", f"/v1/popular?{sent}=1", "query:", None),
            ]
            for method, path, where, body in requests:
                answer = await client.request(method, path, json=body)
                assert answer.status_code == 422, path
                assert answer.json()["type"] == "urn:tandem:problem:faulty-input"
                assert answer.headers["x-request-id"] == answer.json()["request_id"]
                ((pointer, detail),) = faults(answer).items()
                assert pointer.startswith(where)
                assert "UTF-8" in detail
            assert (seeds.count("items"), seeds.count("users")) == (30, 0)


async def test_text_that_was_not_encoded_is_read_as_utf8(client: httpx.AsyncClient) -> None:
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.extend((scope["path"], scope["query_string"]))

    scope = {"type": "http", "path": "", "raw_path": "/é".encode(), "query_string": "q=é".encode()}
    await PathsAsSent(Utf8Only(app))(scope, None, None)  # type: ignore[arg-type]
    assert seen == ["/%C3%A9", b"q=%C3%A9"]


async def test_an_id_nobody_can_tell_or_address_is_refused_wherever_it_stands(
    client: httpx.AsyncClient, subtests: pytest.Subtests
) -> None:
    for sent, why in (
        ("%20", "blank"),
        ("ann%20", "before or after"),
        ("a%0D%0Ab", "ontrol characters"),
        ("a%00b", "ontrol characters"),
        ("%E2%80%8B", "blank"),
        ("%2E%2E", "path"),
        ("x" * 201, "200 characters"),
    ):
        with subtests.test(sent=sent):
            queries = [
                f"/v1/users/ann/recommendations?category={sent}",
                f"/v1/users/ann/recommendations?exclude_category={sent}",
                f"/v1/users/ann/recommendations?interest_item={sent}",
                f"/v1/popular?category={sent}",
                f"/v1/popular?user_id={sent}",
                f"/v1/search?q=a&category={sent}",
                f"/v1/similar?item_id={sent}",
            ]
            # A client's path to `..` leads elsewhere, which is why it is no id.
            paths = [f"/v1/items/{sent}", f"/v1/users/{sent}", f"/v1/events/{sent}"]
            for path in queries if sent == "%2E%2E" else [*queries, *paths]:
                method = "DELETE" if path.startswith("/v1/events") else "GET"
                answer = await client.request(method, path)
                assert answer.status_code == 422, path
                assert why in next(iter(faults(answer).values())), path
