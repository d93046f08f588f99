"""What is kept of the context of lists and events: names that are listed, and no others."""

import json
from typing import Any

import httpx
import pytest
from pydantic import ValidationError
from sqlalchemy import Connection, text

from serving.answering.kept_context import KeptContext
from serving.settings import ServingSettings
from tests.serving.conftest import Seeds, event, recommended, send, token_of, until
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


async def test_a_users_token_names_known_contexts_and_makes_none(
    with_tokens: httpx.AsyncClient, seeds: Seeds
) -> None:
    seeds.listed_user("ann", popular=range(5, 10))
    assert (await send(with_tokens, event("ann", 1, context=PHONE))).status_code == 202
    own = await token_of(with_tokens, "ann")
    before = len(contexts(seeds, "interactions"))
    made, known = {"device": "made up"}, {"device": "phone"}
    posted_ids = ["018f3b8e-7c7a-7a51-9d9c-0a3c5f1b2d4e", "018f3b8e-7c7a-7a51-9d9c-0a3c5f1b2d4f"]
    for n, context in enumerate((made, known)):
        events = {"events": [event("me", n, context=context)]}
        assert (await with_tokens.post("/v1/events", json=events, headers=own)).status_code == 202
        shown = {"recommendation_id": posted_ids[n], "item_ids": ["film-1"], "context": context}
        body = {"impressions": [shown]}
        posted = await with_tokens.post("/v1/impressions", json=body, headers=own)
        assert posted.status_code == 202
        query = {"context": f"device:{context['device']}"}
        path = "/v1/users/me/recommendations"
        assert (await with_tokens.get(path, params=query, headers=own)).status_code == 200
        row = {"row": "for_you", "title_id": "top", "placement": "default"}
        page = {"user_id": "me", "context": context, "rows": [row]}
        answer = await with_tokens.post("/v1/pages", json=page, headers=own)
        assert answer.status_code == 200, answer.text
    assert contexts(seeds, "interactions")[before:] == [None, known]

    async def kept() -> bool:
        return len(contexts(seeds, "impressions")) == 6

    await until(kept)
    assert sorted(contexts(seeds, "impressions"), key=str) == [None] * 3 + [known] * 3
    assert seeds.count("contexts") == 1


NUMBER = text("select context_number(cast(:context as jsonb), :may_add)")


def number(connection: Connection, context: dict[str, str], *, may_add: bool = True) -> int | None:
    parameters = {"context": json.dumps(context), "may_add": may_add}
    found: int | None = connection.execute(NUMBER, parameters).scalar_one()
    return found


def test_too_many_contexts_and_values_are_not_kept(seeds: Seeds) -> None:
    with seeds.engine.begin() as connection:
        found = [number(connection, {"device": f"d{n}"}) for n in range(1, 201)]
        assert found == [*range(1, 201)]
        assert number(connection, {"device": "one more"}) is None
        assert number(connection, {"device": "one more", "daypart": "evening"}) is None
        assert number(connection, {"device": "d1", "daypart": "evening"}) == 201
        assert number(connection, {"device": "d2", "daypart": "evening"}, may_add=False) is None
        assert number(connection, {"device": "d9"}, may_add=False) == 9
        connection.execute(
            text(
                "insert into contexts (context) select jsonb_build_object('language', 'l' || n)"
                " from generate_series(1, 9799) as n"
            )
        )
        assert number(connection, {"language": "l7", "device": "d7"}) is None
        assert number(connection, {"language": "l7"}) is not None


def test_contexts_that_nothing_has_are_cleared_away_unless_somebody_names_them(
    seeds: Seeds,
) -> None:
    clear = text("select clear_unused_contexts(make_interval(hours => :hours))")
    with seeds.engine.begin() as connection:
        of_list = number(connection, {"device": "of a list"})
        connection.execute(
            text(
                "insert into impressions (recommendation_id, source, item_nos, shown_at,"
                " context_no) values (gen_random_uuid(), 'blend', '{1}', now(), :no)"
            ),
            {"no": of_list},
        )
        for device in ("named again", "unused"):
            number(connection, {"device": device})
    for hours, cleared in ((12, 0), (12, 0), (-1, 1)):
        with seeds.engine.begin() as connection:
            assert connection.execute(clear, {"hours": hours}).scalar_one() == cleared
            if not cleared:
                assert number(connection, {"device": "named again"}) is not None
            else:
                left = connection.execute(text("select value from context_values")).scalars().all()
                assert sorted(left) == ["named again", "of a list"]


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
