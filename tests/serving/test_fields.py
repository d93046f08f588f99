"""`fields=`: what each item of a list carries."""

from datetime import datetime
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine, text

from serving.answering.fields import AskedFields
from tests.serving.conftest import Gate, Seeds, faults, ids, recommended
from tests.serving.test_asked_lists import LISTS

ALL = "title,categories,created_at,attributes"


@pytest.fixture
def films(seeds: Seeds) -> None:
    seeds.listed_user("ann", popular=range(6))
    seeds.write(
        text(
            "update items set categories = array['film', item_id],"
            " attributes = jsonb_build_object('no', item_no, 'name', item_id, 'a.b', null)"
        )
    )


def shown(item: dict[str, Any]) -> dict[str, Any]:
    return {name: item[name] for name in ("title", "categories", "attributes") if name in item}


def wanted(item_id: str) -> dict[str, Any]:
    number = int(item_id.removeprefix("film-"))
    attributes = {"no": number + 1, "name": item_id, "a.b": None}
    return {
        "title": f"Film {number}",
        "categories": ["film", item_id],
        "attributes": attributes,
    }


@pytest.mark.usefixtures("films")
@pytest.mark.parametrize("path", [*LISTS, "POST /v1/rank", "POST /v1/recommendations"])
async def test_items_carry_what_is_asked_for_in_every_list(
    client: httpx.AsyncClient, path: str
) -> None:
    async def ask(*fields: str) -> httpx.Response:
        if path.startswith("POST"):
            body: dict[str, Any] = {"user_id": "ann"} | ({"fields": fields} if fields else {})
            body |= {"item_ids": ["film-1", "film-3"]} if path.endswith("rank") else {}
            return await client.post(path.removeprefix("POST "), json=body)
        query = {"fields": fields} if fields else {}
        return await client.get(httpx.URL(path).copy_merge_params(query))

    plain = await ask()
    assert ids(plain)
    for answer in (await ask(ALL), await ask(*ALL.split(","))):
        assert ids(answer) == ids(plain)
        assert answer.json()["fields_unknown"] == []
        for before, item in zip(plain.json()["items"], answer.json()["items"], strict=True):
            assert shown(item) == wanted(item["item_id"])
            assert datetime.fromisoformat(item["created_at"]).tzinfo
            assert before.items() <= item.items()
    few = await ask("attributes.no,attributes.a.b,attributes.none")
    for item in few.json()["items"]:
        number = wanted(item["item_id"])["attributes"]["no"]
        assert shown(item) == {"attributes": {"no": number, "a.b": None}}
        assert "created_at" not in item
    assert all(shown(item).keys() == set() for item in (await ask("item_id")).json()["items"])
    assert "fields_unknown" not in plain.json()


@pytest.mark.usefixtures("films")
async def test_a_cached_list_carries_what_each_request_asks_for_as_it_is_now(
    client: httpx.AsyncClient, engine: Engine
) -> None:
    await recommended(client, "ann", limit=5)
    with engine.begin() as connection:
        connection.execute(text("update items set attributes = cast('{\"x\": 1}' as jsonb)"))
    answer = await recommended(client, "ann", limit=5, fields="attributes")
    assert answer.json()["source"] == "cache"
    assert [item["attributes"] for item in answer.json()["items"]] == [{"x": 1}] * 5


@pytest.mark.usefixtures("films")
async def test_the_fallback_carries_what_it_holds_and_names_what_it_does_not(
    client: httpx.AsyncClient, gate: Gate
) -> None:
    assert ids(await recommended(client, "ann", limit=30))
    # Of an item that was changed since, nothing but its categories is held.
    body = {"title": "Film 0", "categories": ["new"], "attributes": {}}
    assert (await client.put("/v1/items/film-0", json=body)).status_code == 200
    gate.shut()
    answer = await recommended(client, "ann", limit=30, fields=ALL, diversity=0.5)
    assert answer.json()["strategy"] == "fallback"
    items = {item.pop("item_id"): item for item in answer.json()["items"]}
    assert len(items) == 30
    assert answer.json()["fields_unknown"] == ["attributes", "categories", "created_at"]
    assert items.pop("film-0")["attributes"] is None
    assert all(shown(item) == wanted(item_id) for item_id, item in items.items())
    others = {"exclude": "film-0", "fields": "categories"}
    held = await recommended(client, "ann", limit=29, **others)
    assert (held.json()["strategy"], held.json()["fields_unknown"]) == ("fallback", [])


@pytest.mark.usefixtures("films")
async def test_each_of_many_lists_carries_the_fields(client: httpx.AsyncClient) -> None:
    body = {"users": ["ann", "bob"], "fields": ["attributes.name"], "limit": 2}
    lists = (await client.post("/v1/recommendations", json=body)).json()["lists"]
    for each in lists:
        for item in each["answer"]["items"]:
            assert item["attributes"] == {"name": item["item_id"]}


async def test_an_unknown_field_is_refused_with_those_there_are(
    client: httpx.AsyncClient, subtests: pytest.Subtests
) -> None:
    for fields in ("year", "title,year", "Title", "", "title,", "attributes.", "attributes.a\x00"):
        with subtests.test(fields=fields):
            answer = await client.get("/v1/popular", params={"fields": fields})
            assert answer.status_code == 422, answer.text
            assert "query:fields.0" in faults(answer) or "query:fields/0" in faults(answer)
    answer = await client.get("/v1/popular", params={"fields": "title,year"})
    (detail,) = faults(answer).values()
    assert "'year'" in detail
    assert "attributes.NAME" in detail


def test_all_attributes_are_more_than_one_of_them() -> None:
    assert AskedFields.of(None) is AskedFields.of([]) is None
    both = AskedFields.of(["attributes.a", "title,attributes"])
    assert both == AskedFields(frozenset({"title"}), None)
    assert both.values({"attributes": {"b": 1}}) == {"attributes": {"b": 1}}
    assert AskedFields.of(["title"]).looked_up == ()
