"""The catalogue."""

import asyncio
import json
from typing import Any

import httpx
import pytest

from tests import tables
from tests.serving.conftest import Seeds, Start, event, faults, send

BODY = {
    "title": "Seven",
    "categories": ["thriller", "noir"],
    "description": "Two detectives.",
    "attributes": {"year": 1995, "cast": ["a", {"b": None}]},
    "available": True,
}


async def test_an_item_is_created_then_replaced(client: httpx.AsyncClient) -> None:
    created = await client.put("/v1/items/seven", json=BODY)
    assert created.status_code == 201
    assert created.json().items() >= {"item_id": "seven", **BODY}.items()
    replaced = await client.put("/v1/items/seven", json={"title": "Se7en"})
    assert replaced.status_code == 200
    found = await client.get("/v1/items/seven")
    assert found.json() == replaced.json()
    assert found.json()["title"] == "Se7en"
    assert (found.json()["categories"], found.json()["attributes"]) == ([], {})
    assert found.json()["created_at"] == created.json()["created_at"]


async def test_a_new_item_can_have_events_at_once(client: httpx.AsyncClient) -> None:
    await client.put("/v1/items/a%2Fb", json={"title": "With a slash"})
    answer = await send(client, {**event("ann", 0), "item_id": "a/b"})
    assert answer.json()["accepted"] == 1


async def test_an_unknown_item_is_not_found(client: httpx.AsyncClient) -> None:
    answer = await client.get("/v1/items/nothing")
    assert answer.status_code == 404
    assert "'nothing'" in answer.json()["detail"]
    assert answer.json()["instance"] == "/v1/items/nothing"


def _nested(levels: int) -> list[Any]:
    innermost: list[Any] = []
    for _ in range(levels):
        innermost = [innermost]
    return innermost


async def test_a_number_beyond_64_bits_is_stored_and_found(client: httpx.AsyncClient) -> None:
    body = {**BODY, "attributes": {"a": 1e30}}
    assert (await client.put("/v1/items/seven", json=body)).status_code == 201
    found = (await client.get("/v1/items/seven")).json()
    assert found["attributes"]["a"] == pytest.approx(1e30)


async def test_an_item_of_a_file_is_found_though_no_request_could_say_it(
    client: httpx.AsyncClient, seeds: Seeds
) -> None:
    rows = {"item_id": "long", "title": "x" * 600, "categories": ["c" * 300] * 200}
    seeds.write(tables.items.insert().values({**rows, "attributes": {"a": 10**30}}))
    answer = await client.get("/v1/items/long")
    assert answer.status_code == 200
    assert answer.json().items() >= rows.items()


BAD: list[tuple[dict[str, Any], str]] = [
    ({"title": ""}, "/title"),
    ({"title": "x" * 501}, "/title"),
    ({"title": "a\0"}, "/title"),
    ({"title": None}, "/title"),
    ({"categories": "thriller"}, "/categories"),
    ({"categories": [""]}, "/categories/0"),
    ({"categories": ["noir", " "]}, "/categories/1"),
    ({"categories": ["noir "]}, "/categories/0"),
    ({"categories": ["no\nir"]}, "/categories/0"),
    ({"attributes": []}, "/attributes"),
    ({"attributes": {"a": [{"b": "\0"}]}}, "/attributes"),
    ({"attributes": {"a": 2**70}}, "/attributes"),
    ({"attributes": {"a": "\ud800"}}, "/attributes"),
    ({"attributes": {"a": _nested(900)}}, "/attributes"),
    ({"title": "\ud800"}, "/title"),
    ({"description": "\ud800"}, "/description"),
    ({"attributes": {"a": float("nan")}}, "/attributes"),
    ({"colour": "red"}, "/colour"),
    ({"attributes": {"a": "x" * 65_536}}, "/attributes"),
    ({"attributes": {"a": "é" * 32_800}}, "/attributes"),
    ({"attributes": {str(n): n for n in range(1_001)}}, "/attributes"),
    ({"attributes": {"a": [{"b": n} for n in range(1_000)]}}, "/attributes"),
    ({"categories": [f"category {n}" for n in range(101)]}, "/categories"),
    ({"description": "x" * 100_001}, "/description"),
]

WORDS = " ".join(
    f"{n:06x}".translate(str.maketrans("0123456789", "ghijklmnop")) for n in range(20_000)
)
LARGEST = {
    "title": WORDS[:499] + "a",
    "categories": [f"{n} {WORDS[n * 190 : n * 190 + 190]}".strip() for n in range(100)],
    "description": WORDS[-100_000:],
    "attributes": {f"{n}": WORDS[n * 61 : n * 61 + 55] for n in range(1_000)},
}


@pytest.mark.parametrize("path", ["/v1/items/largest", "/v1/users/largest"])
async def test_the_limit_that_was_passed_is_named_and_what_is_within_it_is_stored(
    client: httpx.AsyncClient, path: str
) -> None:
    more = {"title": "Most"} if "items" in path else {}
    for attributes, limit in (
        ({"a": "x" * 4_900_000}, "65,536 bytes"),
        ({str(n): n for n in range(200_000)}, "1,000 keys"),
        ({"a": _nested(100)}, "100 deep"),
    ):
        answer = await client.put(path, json={**more, "attributes": attributes})
        assert answer.status_code == 422
        assert limit in faults(answer)["/attributes"]
    kept = {"a": "x" * (65_536 - len('{"a":""}'))}
    stored = await client.put(path, json={**more, "attributes": kept})
    assert (stored.status_code, stored.json()["attributes"]) == (201, kept)


async def test_the_largest_item_that_may_be_said_is_stored_though_eight_come_at_once(
    start: Start,
) -> None:
    client = await start(write_budget_seconds=30.0)
    puts = (client.put(f"/v1/items/largest-{n}", json=LARGEST) for n in range(8))
    assert {answer.status_code for answer in await asyncio.gather(*puts)} == {201}


async def test_a_bad_item_is_refused_with_the_location(
    client: httpx.AsyncClient, seeds: Seeds
) -> None:
    headers = {"Content-Type": "application/json"}
    for change, where in BAD:
        body = json.dumps({**BODY, **change})
        answer = await client.put("/v1/items/new", content=body, headers=headers)
        assert answer.status_code == 422, change
        assert list(faults(answer)) == [where]
    assert seeds.count("items") == 30


async def test_a_bad_item_id_is_refused(client: httpx.AsyncClient) -> None:
    for item_id in ("x" * 201, "a%00b"):
        for answer in (
            await client.get(f"/v1/items/{item_id}"),
            await client.put(f"/v1/items/{item_id}", json=BODY),
        ):
            assert answer.status_code == 422
            assert list(faults(answer)) == ["path:item_id"]


async def test_titles_are_trimmed_and_a_blank_one_is_refused_in_so_many_words(
    client: httpx.AsyncClient,
) -> None:
    stored = await client.put("/v1/items/seven", json={"title": " \tSeven \n"})
    assert stored.json()["title"] == "Seven"
    for title in ("", " ", "\u3000\t", "\u200b"):
        answer = await client.put("/v1/items/seven", json={"title": title})
        assert answer.status_code == 422, repr(title)
        assert "title is blank" in faults(answer)["/title"]
    detail = faults(await client.put("/v1/items/seven", json={"title": "x" * 501}))["/title"]
    assert "500 characters" in detail
