"""Items changed in part, deleted, stored many at once and listed."""

import asyncio
from collections.abc import Mapping
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from serving.http.cursors import decoded_cursor, decoded_number, encoded_cursor
from serving.http.merge_patch import merge_patch
from tests.serving.conftest import (
    Seeds,
    Start,
    event,
    faults,
    ids,
    pages,
    recommended,
    send,
    token_of,
)

DEFAULTS: dict[str, Any] = {
    "categories": [],
    "description": "",
    "attributes": {},
    "available": True,
}


async def everything(client: httpx.AsyncClient, **query: Any) -> list[dict[str, Any]]:
    """All pages of the catalogue."""
    read = await pages(client, "/v1/items", **query)
    assert all(len(page["items"]) <= query.get("limit", 100) for page in read)
    return [item for page in read for item in page["items"]]


@pytest.mark.parametrize(
    ("target", "patch", "result"),
    [
        # The examples of RFC 7396, appendix A.
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        (["a", "b"], ["c", "d"], ["c", "d"]),
        ({"a": "b"}, ["c"], ["c"]),
        ({"a": "foo"}, None, None),
        ({"a": "foo"}, "bar", "bar"),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_a_patch_is_merged_as_the_standard_says(target: Any, patch: Any, result: Any) -> None:
    assert merge_patch(target, patch) == result


NAMES = ("seven", "a/b", "ü", "similar")
values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text("aé", max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("ab"), inner),
    max_leaves=4,
)
attributes = st.dictionaries(st.sampled_from("abc"), values, max_size=3)
parts = {
    "categories": st.lists(st.sampled_from(["noir", "Noir", "war"]), max_size=2, unique=True),
    "description": st.text("xyz ", max_size=5),
    "attributes": attributes,
    "available": st.booleans(),
}
bodies = st.fixed_dictionaries({"title": st.sampled_from(["Seven", "Se7en"])}, optional=parts)
patches = st.fixed_dictionaries(
    {}, optional={"title": st.just("Patched"), **{n: st.none() | v for n, v in parts.items()}}
)
names = st.sampled_from(NAMES)
steps = st.lists(
    st.tuples(st.just("put"), names, bodies)
    | st.tuples(st.just("patch"), names, patches)
    | st.tuples(st.just("delete"), names, st.none())
    | st.tuples(st.just("bulk"), st.none(), st.dictionaries(names, bodies, min_size=1, max_size=4)),
    max_size=12,
)


def _holds_true(value: Any) -> bool:
    return any(each is True for each in (value if isinstance(value, list) else [value]))


def fields_of(item: Mapping[str, Any]) -> dict[str, Any]:
    return {name: item[name] for name in ("title", *DEFAULTS)}


async def follow(
    client: httpx.AsyncClient, step: tuple[str, Any, Any], known: dict[str, Any]
) -> None:
    """Ask for one step and do the same to a dictionary."""
    act, name, given_body = step
    path = f"/v1/items/{name.replace('/', '%2F')}" if name else ""
    if act == "put":
        answer = await client.put(path, json=given_body)
        assert answer.status_code == (200 if name in known else 201)
        known[name] = DEFAULTS | given_body
    elif act == "patch":
        answer = await client.patch(path, json=given_body)
        assert answer.status_code == (200 if name in known else 404), answer.text
        if name in known:
            known[name] = {**DEFAULTS, **merge_patch(known[name], given_body)}
            assert fields_of(answer.json()) == known[name]
    elif act == "delete":
        answer = await client.delete(path)
        assert answer.status_code == (200 if name in known else answer.status_code)
        assert answer.status_code == 404 or answer.json()["deleted"] == (name in known)
        known.pop(name, None)
    else:
        entries = [{"item_id": each, **body} for each, body in given_body.items()]
        answer = await client.post("/v1/items", json={"items": entries})
        assert answer.status_code == 200, answer.text
        statuses = {each["item_id"]: each["status"] for each in answer.json()["results"]}
        assert statuses == {n: "replaced" if n in known else "created" for n in given_body}
        known |= {n: DEFAULTS | body for n, body in given_body.items()}


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=6
)
@given(steps)
async def test_the_catalogue_is_like_a_dictionary(
    client: httpx.AsyncClient, taken: list[tuple[str, Any, Any]]
) -> None:
    for name in NAMES:
        await client.delete(f"/v1/items/{name.replace('/', '%2F')}")
    known: dict[str, Any] = {}
    for step in taken:
        await follow(client, step, known)
    listed = await everything(client, limit=3)
    assert {i["item_id"]: fields_of(i) for i in listed if i["item_id"] in NAMES} == known
    for name in NAMES:
        found = await client.get(f"/v1/items/{name.replace('/', '%2F')}")
        assert found.status_code == (200 if name in known else 404)
    available = await everything(client, limit=2, available="true", filter="a = true")
    assert [i["item_id"] for i in available] == [
        i["item_id"] for i in listed if i["available"] and _holds_true(i["attributes"].get("a"))
    ]
    counted = (await client.get("/v1/categories")).json()["categories"]
    of_items = [{*each["categories"]} for each in listed if each["available"]]
    assert counted == [
        {"category": category, "items": sum(category in of for of in of_items)}
        for category in sorted(set().union(*of_items))
    ]


async def test_a_deleted_item_is_in_no_list_and_in_its_users_histories(
    client: httpx.AsyncClient, seeds: Seeds
) -> None:
    seeds.listed_user("ann", popular=range(20, 30))
    await send(client, event("bob", 0, event_id="b-0"))
    assert "film-0" in ids(await recommended(client, "ann", limit=5))
    first = await client.delete("/v1/items/film-0")
    second = await client.delete("/v1/items/film-0")
    assert (first.json()["deleted"], second.json()["deleted"]) == (True, False)
    assert first.json()["deleted_at"] == second.json()["deleted_at"]
    assert "film-0" not in ids(await recommended(client, "ann", limit=30))
    assert "film-0" not in ids(await client.get("/v1/popular", params={"limit": 30}))
    assert (await client.get("/v1/items/film-0")).status_code == 404
    assert (await client.patch("/v1/items/film-0", json={})).status_code == 404
    # What was under way comes late.
    assert (await send(client, event("eve", 0))).json()["accepted"] == 1
    history = (await client.get("/v1/users/bob/history")).json()["events"]
    assert [each["item_id"] for each in history] == ["film-0"]
    again = await client.put("/v1/items/film-0", json={"title": "Anew"})
    assert again.status_code == 201
    # What is new is in lists that are made from now on.
    assert "film-0" in ids(await recommended(client, "ann", limit=29))
    never = await client.delete("/v1/items/never-there")
    assert (never.status_code, never.json()["type"]) == (404, "urn:tandem:problem:unknown-item")


async def test_of_patches_at_once_none_is_lost(client: httpx.AsyncClient) -> None:
    await client.put("/v1/items/seven", json={"title": "Seven", "attributes": {"kept": [1]}})
    patch = [client.patch("/v1/items/seven", json={"attributes": {f"a{n}": n}}) for n in range(5)]
    answers = await asyncio.gather(*patch)
    assert {answer.status_code for answer in answers} == {200}
    found = (await client.get("/v1/items/seven")).json()
    assert found["attributes"] == {"kept": [1], **{f"a{n}": n for n in range(5)}}


async def test_a_patch_that_would_make_a_bad_item_is_refused_with_the_location(
    client: httpx.AsyncClient,
) -> None:
    full = {"title": "Seven", "attributes": {"a": "x" * 65_000}}
    await client.put("/v1/items/seven", json=full)
    for patch, where in (
        ({"title": None}, "/title"),
        ({"title": " "}, "/title"),
        ({"categories": ["a "]}, "/categories/0"),
        ({"available": "yes"}, "/available"),
        ({"attributes": [1]}, "/attributes"),
        ({"attributes": {"b": "y" * 600}}, "/attributes"),
        ({"item_id": "other"}, "/item_id"),
    ):
        answer = await client.patch("/v1/items/seven", json=patch)
        assert answer.status_code == 422, patch
        assert list(faults(answer)) == [where]
    merge = {"Content-Type": "application/merge-patch+json"}
    answer = await client.patch("/v1/items/seven", content=b'{"available": false}', headers=merge)
    assert answer.status_code == 200
    assert fields_of(answer.json()) == {**DEFAULTS, **full, "available": False}


async def test_a_batch_is_stored_all_or_none_or_in_part_with_a_result_per_entry(
    client: httpx.AsyncClient, seeds: Seeds
) -> None:
    before = seeds.count("items")
    items: list[Any] = [
        {"item_id": "a", "title": "A"},
        {"item_id": "b", "title": " "},
        {"item_id": "film-1", "title": "Replaced"},
        {"item_id": "a", "title": "A once more"},
        {"title": "Nameless", "colour": "red"},
        "none",
    ]
    wrong = {
        "/items/1/title",
        "/items/3/item_id",
        "/items/4/item_id",
        "/items/4/colour",
        "/items/5",
    }
    refused = await client.post("/v1/items", json={"items": items})
    assert (refused.status_code, faults(refused).keys()) == (422, wrong)
    assert "Nothing was stored: 5 fault(s)" in refused.json()["detail"]
    assert seeds.count("items") == before
    answer = await client.post("/v1/items?partial=true", json={"items": items})
    assert answer.status_code == 200
    body = answer.json()
    assert (body["created"], body["replaced"], body["refused"]) == (1, 1, 4)
    assert [(each["item_id"], each["status"]) for each in body["results"]] == [
        ("a", "created"), (None, "refused"), ("film-1", "replaced"), ("a", "refused"),
        (None, "refused"), (None, "refused"),
    ]  # fmt: skip
    assert {error["pointer"] for each in body["results"] for error in each["errors"]} == wrong
    assert (await client.get("/v1/items/a")).json()["title"] == "A"
    none_good = await client.post("/v1/items?partial=true", json={"items": ["none"]})
    assert none_good.json()["refused"] == 1
    for items in ([], [{"item_id": f"{n}", "title": "x"} for n in range(1_001)]):
        answer = await client.post("/v1/items?partial=true", json={"items": items})
        assert list(faults(answer)) == ["/items"]


async def test_batches_that_add_and_replace_the_same_items_at_once_are_all_stored(
    start: Start, seeds: Seeds
) -> None:
    client = await start(write_budget_seconds=60.0)

    def batch(turn: int, order: range) -> dict[str, Any]:
        words = " ".join(f"{chr(97 + n % 26)}word{turn}" for n in range(40))
        return {
            "items": [
                {"item_id": f"{kind}-{n}", "title": f"{n} by {turn}", "description": words}
                for n in order
                for kind in ("film", f"new{n % 3}")
            ]
        }

    orders = (range(30), range(29, -1, -1))
    answers = await asyncio.gather(
        *(client.post("/v1/items", json=batch(n, orders[n % 2])) for n in range(8)),
        *(client.put(f"/v1/items/film-{n}", json={"title": f"Alone {n}"}) for n in range(8)),
    )
    assert {answer.status_code for answer in answers} <= {200, 201, 503}
    assert {answer.status_code for answer in answers[:8]} == {200}
    assert seeds.count("items") == 60


async def test_an_item_that_goes_leaves_what_is_cached_at_once(
    client: httpx.AsyncClient, seeds: Seeds
) -> None:
    seeds.listed_user("ann", popular=range(20, 30))
    for _ in range(2):
        assert {"film-0", "film-1"} <= {*ids(await recommended(client, "ann", limit=5))}
    await client.patch("/v1/items/film-0", json={"available": False})
    gone = {"items": [{"item_id": "film-1", "title": "Gone", "available": False}]}
    await client.post("/v1/items", json=gone)
    assert not {"film-0", "film-1"} & {*ids(await recommended(client, "ann", limit=30))}


async def test_the_catalogue_is_listed_by_filter_and_a_bad_question_is_refused_by_name(
    client: httpx.AsyncClient,
) -> None:
    for n in range(5):
        categories = ["new", "ünew", "new"]
        body = {"title": f"{n}", "attributes": {"year": 1990 + n}, "categories": categories}
        stored = await client.put(f"/v1/items/new-{n}", json=body)
        assert stored.json()["categories"] == ["new", "ünew"]
    found = await everything(client, filter="year >= 1992 and year != 1993", limit=1)
    assert [each["item_id"] for each in found] == ["new-2", "new-4"]
    assert len(await everything(client, category="new", exclude_category="old")) == 5
    assert await everything(client, available="false") == []
    first = (await client.get("/v1/categories", params={"limit": 1})).json()
    rest = (await client.get("/v1/categories", params={"cursor": first["next"]})).json()
    counted = first["categories"] + rest["categories"]
    named = [each["category"] for each in counted]
    assert named == sorted(named)
    assert {"category": "new", "items": 5} in counted
    assert {"category": "ünew", "items": 5} in counted
    for query in (
        {"cursor": "x"}, {"cursor": encoded_cursor("-1")}, {"cursor": encoded_cursor("9" * 10)},
        {"filter": "year >"}, {"filter": "year = user.year"}, {"limit": 0}, {"available": "maybe"},
    ):  # fmt: skip
        answer = await client.get("/v1/items", params=query)
        assert answer.status_code == 422, query
        assert list(faults(answer)) == [f"query:{min(query)}"]
    answer = await client.get("/v1/categories", params={"cursor": encoded_cursor("a\0")})
    assert answer.status_code == 422


@given(st.text())
def test_a_cursor_is_read_as_it_was_written_and_any_other_text_is_none(text: str) -> None:
    assume_utf8 = text.encode("utf-8", "ignore").decode()
    assert decoded_cursor(encoded_cursor(assume_utf8)) == assume_utf8
    assert decoded_number(encoded_cursor("12")) == 12
    decoded_cursor(text)


async def test_a_token_for_one_user_writes_no_item(with_tokens: httpx.AsyncClient) -> None:
    headers = await token_of(with_tokens, "ann")
    assert (await with_tokens.get("/v1/items?limit=1", headers=headers)).status_code == 200
    body = {"items": [{"item_id": "a", "title": "A"}]}
    for answer in (
        await with_tokens.post("/v1/items", json=body, headers=headers),
        await with_tokens.patch("/v1/items/film-1", json={"title": "A"}, headers=headers),
        await with_tokens.delete("/v1/items/film-1", headers=headers),
    ):
        assert answer.status_code == 403
