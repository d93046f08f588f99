"""What is kept of the context of lists and events: names that are listed, and no others."""

import json
from typing import Any

import httpx
import pytest
from pydantic import ValidationError
from sqlalchemy import text

from serving.answering.kept_context import KeptContext
from serving.settings import ServingSettings
from tests.serving.conftest import Seeds, event, recommended, send, until
from tests.serving.placements.saved_placements import saved

PHONE = {"device": "phone", "room": "kitchen"}


def contexts(seeds: Seeds, table: str) -> list[Any]:
    of = "shown_at" if table == "impressions" else "position"
    asked = text(f"select context from {table} left join contexts using (context_no) order by {of}")
    with seeds.engine.connect() as connection:
        return list(connection.execute(asked).scalars())


async def test_lists_and_events_keep_the_names_that_are_listed(
    operator: httpx.AsyncClient, seeds: Seeds
) -> None:
    seeds.listed_user("ann", popular=range(5, 10))
    await saved(operator, "home", limit=3)
    given = await recommended(operator, "ann", context=["device:phone", "room:kitchen"])
    placed = ["daypart:evening", "device:tv"]
    await recommended(operator, "ann", placement="home", context=placed)
    await recommended(operator, "ann", context=["room:kitchen"])
    await recommended(operator, "ann")
    evening = {"daypart": "evening", "device": "tv"}
    row = {"row": "for_you", "title_id": "top", "placement": "home"}
    page = {"user_id": "ann", "context": PHONE, "rows": [row]}
    assert (await operator.post("/v1/pages", json=page)).status_code == 200
    phone = {"device": "phone"}

    async def kept() -> bool:
        return contexts(seeds, "impressions") == [phone, evening, None, None, phone]

    await until(kept)
    before = len(contexts(seeds, "interactions"))
    named = event("ann", 1, context=PHONE)
    led_to = event("ann", 2, recommendation_id=given.json()["recommendation_id"])
    assert (await send(operator, named, led_to)).status_code == 202
    assert sorted(contexts(seeds, "interactions")[before:], key=str) == [None, phone]
    found = (await operator.get("/v1/events", params={"user_id": "ann", "limit": 2})).json()
    assert {each["item_id"]: each["context"] for each in found["events"]} == {
        "film-1": phone, "film-2": None,
    }  # fmt: skip
    export = await operator.get("/v1/users/ann/export")
    records = [json.loads(line) for line in export.text.splitlines()]
    of = [(record["record"], record["context"]) for record in records if "context" in record]
    assert ("event", phone) in of
    assert ("impression", evening) in of
    wrong = event("ann", 1, context={"Device": "phone"})
    assert (await send(operator, wrong)).status_code == 422
    assert (await send(operator, event("ann", 1, context={}))).status_code == 202


async def test_a_posted_list_keeps_them_too(operator: httpx.AsyncClient, seeds: Seeds) -> None:
    shown = {
        "recommendation_id": "018f3b8e-7c7a-7a51-9d9c-0a3c5f1b2d4e",
        "item_ids": ["film-1"],
        "context": PHONE,
    }
    posted = await operator.post("/v1/impressions", json={"impressions": [shown]})
    assert posted.status_code == 202
    assert contexts(seeds, "impressions") == [{"device": "phone"}]


def test_too_many_contexts_are_not_kept(seeds: Seeds) -> None:
    number = text("select context_number(cast(:context as jsonb))")
    with seeds.engine.begin() as connection:
        connection.execute(
            text(
                "insert into contexts (context) select jsonb_build_object('device', n)"
                " from generate_series(1, 9999) as n"
            )
        )
        found = [
            connection.execute(number, {"context": json.dumps({"device": said})}).scalar_one()
            for said in ("first", "second", "first", 9_999)
        ]
    assert found == [10_000, None, 10_000, 9_999]


def test_the_names_are_a_setting(database_url: str) -> None:
    def settings(names: str) -> ServingSettings:
        return ServingSettings(
            database_url=database_url, redis_url="redis://localhost", kept_context=names
        )

    assert settings("room, device").context().of(PHONE) == PHONE
    assert settings("").context().of(PHONE) is None
    with pytest.raises(ValidationError, match="lower case"):
        settings("Device")
    assert KeptContext().of({}) is None
