"""POST /v1/events: all of a batch or nothing, each event once."""

import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import redis
from sqlalchemy import select, text

from tests import tables
from tests.serving.conftest import Gate, Seeds, Start, counts, event, faults, send


async def test_events_are_stored_as_they_were_sent(client: httpx.AsyncClient, seeds: Seeds) -> None:
    recommendation_id = uuid.uuid4()
    complete = event(
        "ann", 3, "rate", value=4.5, occurred_at="2026-03-01T14:00:00+02:00",
        recommendation_id=str(recommendation_id),
    )  # fmt: skip
    answer = await send(client, complete, event("bob", 4, occurred_at="2026-03-01T12:00:00"))
    assert (answer.status_code, counts(answer)) == (202, (2, 0))
    log = tables.interactions
    first, second = seeds.write(select(log).order_by(log.c.item_no)).all()
    noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert (first.item_no, first.kind_no, first.value) == (seeds.film_nos[3], 4, 4.5)
    assert (first.occurred_at, first.recommendation_id) == (noon, recommendation_id)
    assert second.occurred_at == noon, "a time without a zone is UTC"


async def test_an_event_sent_twice_counts_once(client: httpx.AsyncClient, seeds: Seeds) -> None:
    named = event("ann", 1, event_id="order 1 / line 1")
    assert counts(await send(client, named, event("ann", 2))) == (2, 0)
    assert counts(await send(client, named, event("ann", 2))) == (1, 1)
    assert seeds.count("interactions") == 3


async def test_the_speed_worker_is_woken_after_the_commit(
    client: httpx.AsyncClient, seeds: Seeds, wakes: redis.client.PubSub
) -> None:
    await send(client, event("ann", 1))
    message = wakes.get_message(timeout=5)
    assert message is not None
    assert message["type"] == "message"
    assert seeds.count("interactions") == 1


async def test_a_thousand_events_are_taken(client: httpx.AsyncClient, seeds: Seeds) -> None:
    batch = [event(f"user-{n % 50}", n % 30) for n in range(1000)]
    assert counts(await send(client, *batch)) == (1000, 0)
    assert seeds.count("interactions") == 1000


JSON = {"Content-Type": "application/json"}
FAR = (datetime.now(UTC) + timedelta(days=1)).isoformat()

BAD: list[tuple[dict[str, Any], str, str]] = [
    ({"kind": "stare"}, "/kind", "Known kinds: cart, click, dislike, hide, like, purchase, rate"),
    ({"item_id": "film-99"}, "/item_id", "'film-99'. Create it first with PUT /v1/items/{item_id}"),
    ({"occurred_at": FAR}, "/occurred_at", "seconds in the future"),
    ({"occurred_at": "1969-12-31T23:59:59Z"}, "/occurred_at", "before 1970"),
    ({"occurred_at": 1700000000}, "/occurred_at", "ISO 8601"),
    ({"occurred_at": "1700000000"}, "/occurred_at", "ISO 8601"),
    ({"occurred_at": "some-day"}, "/occurred_at", "datetime"),
    ({"value": "high"}, "/value", "valid number"),
    ({"value": 3}, "/value", "'view' has no value. Kinds that have one: rate."),
    ({"scale": "1:5"}, "/scale", "'view' has no scale: it is no rating. Kinds of"),
    ({"kind": "rate"}, "/value", "'rate' needs a value: the rating, from 1 to 5"),
    ({"kind": "rate", "value": None}, "/value", "needs a value"),
    ({"kind": "rate", "value": 5.001}, "/value", "a rating from 1 to 5."),
    ({"kind": "rate", "value": 7}, "/value", '"scale": "1:10" with the event'),
    ({"kind": "rate", "value": 7}, "/value", "`tandem kind set rate --scale 1:10`"),
    ({"kind": "rate", "value": -1e15}, "/value", "a rating from 1 to 5"),
    ({"kind": "rate", "value": 1e300}, "/value", "a rating from 1 to 5"),
    ({"kind": "rate", "value": 11, "scale": "1:10"}, "/value", "a rating from 1 to 10."),
    ({"kind": "rate", "value": 7, "scale": "10"}, "/scale", "'10' is no scale: write"),
    ({"kind": "rate", "value": 7, "scale": "10:1"}, "/scale", "10, must be below the greatest, 1"),
    ({"kind": "rate", "value": 7, "scale": 10}, "/scale", "valid string"),
    ({"user_id": ""}, "/user_id", "at least 1 character"),
    ({"user_id": "a" * 201}, "/user_id", "at most 200 characters"),
    ({"user_id": "a\0b"}, "/user_id", "U+0000"),
    ({"user_id": 7}, "/user_id", "valid string"),
    ({"user_id": " "}, "/user_id", "blank"),
    ({"user_id": "\u200b\u3000"}, "/user_id", "blank"),
    ({"user_id": "ann "}, "/user_id", "before or after"),
    ({"user_id": "\u00a0ann"}, "/user_id", "before or after"),
    ({"user_id": "ann\r\nX-Y: z"}, "/user_id", "ontrol characters"),
    ({"user_id": "a\x85b"}, "/user_id", "ontrol characters"),
    ({"item_id": "film\u20281"}, "/item_id", "ontrol characters"),
    ({"user_id": "a\ud800"}, "/user_id", "unicode"),
    ({"item_id": "."}, "/item_id", "path"),
    ({"user_id": ".."}, "/user_id", "path"),
    ({"event_id": ""}, "/event_id", "at least 1 character"),
    ({"event_id": "a" * 201}, "/event_id", "at most 200 characters"),
    ({"event_id": " order-1"}, "/event_id", "before or after"),
    ({"event_id": "order\n1"}, "/event_id", "ontrol characters"),
    ({"event_id": ".."}, "/event_id", "path"),
    ({"recommendation_id": "x"}, "/recommendation_id", "UUID"),
    ({"weight": 3}, "/weight", "not permitted"),
]  # fmt: skip


async def test_one_bad_event_is_named_and_nothing_is_stored(
    client: httpx.AsyncClient, seeds: Seeds
) -> None:
    for bad, where, why in BAD:
        batch = {"events": [event("ann", 1), event("ann", 2), {**event("ann", 3), **bad}]}
        # Not by httpx, which has no bytes for half a character.
        body = json.dumps(batch)
        answer = await client.post("/v1/events", content=body, headers=JSON)
        assert answer.status_code == 422, bad
        assert answer.headers["content-type"] == "application/problem+json"
        problem = faults(answer)
        assert list(problem) == [f"/events/2{where}"], bad
        assert why in problem[f"/events/2{where}"]
    assert seeds.count("interactions") == seeds.count("users") == 0


async def test_all_bad_events_are_named_whatever_is_wrong_with_them(
    client: httpx.AsyncClient, seeds: Seeds
) -> None:
    missing = {"user_id": "ann", "kind": "view"}
    answer = await send(
        client, event("ann", 1, "stare"), event("ann", 2), missing, event("ann", 77)
    )
    assert list(faults(answer)) == ["/events/0/kind", "/events/2/item_id", "/events/3/item_id"]
    answer = await send(client, *[event("ann", 1, "stare")] * 30)
    assert len(faults(answer)) == 20
    assert "30 fault(s)" in answer.json()["detail"]
    assert seeds.count("interactions") == 0


async def test_a_batch_that_is_none_is_refused(client: httpx.AsyncClient, seeds: Seeds) -> None:
    bodies: list[tuple[Any, str, str]] = [
        ({"events": []}, "/events", "at least 1 item"),
        ({"events": [event("ann", 1)] * 1001}, "/events", "at most 1000 items"),
        ({"events": "many"}, "/events", "valid list"),
        ({"events": [3]}, "/events/0", "dictionary"),
        ({}, "/events", "required"),
        ([], "", "JSON object"),
    ]
    for body, where, why in bodies:
        answer = await client.post("/v1/events", json=body)
        assert answer.status_code == 422, body
        assert why in faults(answer)[where]
    assert seeds.count("interactions") == 0


async def test_a_body_that_is_not_json_is_a_bad_request_and_the_location_is_reported(
    client: httpx.AsyncClient,
) -> None:
    for body in (b'{"events": [}', b'{"events":', b"\xff\xfe", b"[" * 100_000):
        answer = await client.post("/v1/events", content=body, headers=JSON)
        assert answer.status_code == 400, body[:20]
        assert answer.headers["content-type"] == "application/problem+json"
    answer = await client.post("/v1/events", content=b'{"events": [}', headers=JSON)
    assert "at character 12" in answer.json()["detail"]


async def test_a_value_that_is_no_number_is_refused(
    client: httpx.AsyncClient, seeds: Seeds
) -> None:
    for number in ("NaN", "Infinity", "1e999"):
        body = f'{{"events":[{{"user_id":"a","item_id":"film-1","kind":"rate","value":{number}}}]}}'
        answer = await client.post("/v1/events", content=body, headers=JSON)
        assert answer.status_code == 422, number
        assert list(faults(answer)) == ["/events/0/value"]
    assert seeds.count("interactions") == 0


async def test_a_value_too_small_for_the_log_is_kept_as_nothing(
    client: httpx.AsyncClient, seeds: Seeds
) -> None:
    assert (
        await send(client, event("ann", 1, "rate", value=1e-300, scale="0:5"))
    ).status_code == 202
    assert seeds.write(select(tables.interactions.c.value)).scalar_one() == 0


async def test_a_time_with_an_offset_of_almost_a_day_is_kept(
    client: httpx.AsyncClient, seeds: Seeds
) -> None:
    answer = await send(client, event("ann", 1, occurred_at="2026-01-01T00:00:00+23:59"))
    assert answer.status_code == 202
    kept = seeds.write(select(tables.interactions.c.occurred_at)).scalar_one()
    assert kept == datetime(2025, 12, 31, 0, 1, tzinfo=UTC)


async def test_a_body_larger_than_is_taken_is_refused(start: Start, seeds: Seeds) -> None:
    client = await start(api_body_bytes=1000)
    answer = await send(client, event("a" * 2000, 1))
    assert answer.status_code == 413
    assert "1,000 bytes" in answer.json()["detail"]

    async def parts() -> Any:
        for _ in range(20):
            yield b" " * 100

    streamed = await client.post(
        "/v1/events", content=parts(), headers={"Content-Type": "application/json"}
    )
    assert streamed.status_code == 413
    assert (await send(client, event("ann", 1))).status_code == 202
    assert seeds.count("interactions") == 1


async def test_of_a_long_kind_only_the_beginning_is_repeated(
    client: httpx.AsyncClient,
) -> None:
    answer = await send(client, event("ann", 1, "k" * 50_000))
    assert list(faults(answer)) == ["/events/0/kind"]
    assert len(answer.content) < 1_000


async def test_a_kind_added_to_the_table_is_known_at_once(
    client: httpx.AsyncClient, seeds: Seeds
) -> None:
    await send(client, event("ann", 1))
    row = {"kind_no": 20, "kind": "stare", "weight": 1.0, "marks_seen": False, "description": ""}
    seeds.write(tables.event_kinds.insert().values(row))
    assert (await send(client, event("ann", 1, "stare"))).status_code == 202


async def test_with_the_database_away_events_are_refused_and_may_be_sent_again(
    client: httpx.AsyncClient, seeds: Seeds, gate: Gate
) -> None:
    once = event("ann", 1, event_id="once")
    await send(client, once)
    gate.shut()
    answer = await send(client, event("ann", 2, event_id="twice"))
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) >= 1
    assert answer.json()["type"] == "urn:tandem:problem:store-unavailable"
    gate.open()
    again = await send(client, once, event("ann", 2, event_id="twice"))
    assert counts(again) == (1, 1)


async def test_the_answer_has_an_id_for_each_event_by_which_it_can_be_sent_again_or_deleted(
    client: httpx.AsyncClient, seeds: Seeds
) -> None:
    batch = [event("ann", 1, event_id="mine"), event("ann", 2), event("ann", 2)]
    mine, *made = (await send(client, *batch)).json()["event_ids"]
    assert mine == "mine"
    assert len({*made}) == 2
    again = [{**sent, "event_id": name} for sent, name in zip(batch, [mine, *made], strict=True)]
    assert counts(await send(client, *again)) == (0, 3)
    assert (await client.delete(f"/v1/events/{made[0]}")).json()["deleted"]
    assert seeds.count("interactions") == 2


async def test_bounds_that_were_widened_hold_at_once(
    client: httpx.AsyncClient, seeds: Seeds
) -> None:
    stars = event("ann", 1, "rate", value=80)
    assert (await send(client, stars)).status_code == 422
    seeds.write(text("update event_kinds set greatest_value = 100 where kind = 'rate'"))
    assert (await send(client, stars)).status_code == 202


async def test_the_kinds_and_the_values_they_take_are_reported(client: httpx.AsyncClient) -> None:
    kinds = {kind["kind"]: kind for kind in (await client.get("/v1/event-kinds")).json()["kinds"]}
    assert set(kinds) == {"view", "click", "like", "rate", "cart", "purchase", "dislike", "hide"}
    assert kinds["rate"] == {
        "kind": "rate",
        "description": "rated the item; the value is the rating, on a scale from 1 to 5",
        "weight": 3.0,
        "marks_seen": True,
        "value": {"smallest": 1.0, "greatest": 5.0, "reference": None},
    }
    assert kinds["view"]["value"] is None
