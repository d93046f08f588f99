"""An event id says one thing for ever: with another content it is refused."""

import asyncio
import uuid
from typing import Any

import httpx
import pytest

from tests.serving.conftest import Seeds, counts, event, faults, send

NOON = "2026-03-01T12:00:00Z"
FIRST = event("ann", 1, "rate", event_id="order-1", value=4.5, occurred_at=NOON)

OTHERWISE: list[tuple[dict[str, Any], str]] = [
    ({"user_id": "bob"}, "user_id 'ann' there, 'bob' here"),
    ({"item_id": "film-2"}, "item_id 'film-1' there, 'film-2' here"),
    ({"value": 1}, "value 4.5 there, 1.0 here"),
    ({"kind": "view", "value": None}, "kind 'rate' there, 'view' here; value 4.5 there, none here"),
    ({"scale": "0:5"}, "scale 1:5 there, 0:5 here"),
    ({"occurred_at": "2024-03-01T12:00:00Z"}, "occurred_at 2026-03-01T12:00:00+00:00 there, 2024"),
]


@pytest.mark.parametrize(("other", "difference"), OTHERWISE)
async def test_the_same_id_with_another_content_is_refused_with_the_index_and_both_contents(
    client: httpx.AsyncClient, seeds: Seeds, other: dict[str, Any], difference: str
) -> None:
    await send(client, FIRST)
    answer = await send(client, event("eve", 3), FIRST, {**FIRST, **other})
    assert answer.status_code == 409
    assert answer.json()["type"] == "urn:tandem:problem:conflicting-events"
    found = faults(answer)
    assert list(found) == ["/events/2/event_id"]
    assert "'order-1' was recorded before" in found["/events/2/event_id"]
    assert difference in found["/events/2/event_id"]
    assert seeds.count("interactions") == 1, "all or none"
    assert seeds.count("users") == 1


async def test_an_equal_event_is_a_duplicate_however_it_is_written(
    client: httpx.AsyncClient, seeds: Seeds
) -> None:
    first = {**FIRST, "value": 1.1}
    await send(client, first)
    other_zone = {**first, "occurred_at": "2026-03-01T14:00:00.000+02:00"}
    without_time = {name: first[name] for name in first if name != "occurred_at"}
    with_scale = {**first, "scale": "1:5.0"}
    with_advice = {**first, "recommendation_id": str(uuid.uuid4())}
    assert counts(await send(client, first, other_zone, without_time, with_scale, with_advice)) == (
        0,
        5,
    )
    assert seeds.count("interactions") == 1


async def test_of_two_contents_in_one_batch_the_second_is_named(
    client: httpx.AsyncClient, seeds: Seeds
) -> None:
    answer = await send(client, event("eve", 3), FIRST, FIRST, {**FIRST, "value": 2})
    assert answer.status_code == 409
    (fault,) = faults(answer).items()
    assert fault[0] == "/events/3/event_id"
    assert "stands at /events/1 too with another content: value 4.5 there, 2.0 here" in fault[1]
    assert seeds.count("interactions") == 0


async def test_all_conflicts_are_counted_and_the_first_are_listed(
    client: httpx.AsyncClient, seeds: Seeds
) -> None:
    batch = [event("ann", 1, event_id=f"order-{n}") for n in range(30)]
    await send(client, *batch)
    answer = await send(client, *[{**sent, "item_id": "film-2"} for sent in batch])
    assert "30 event id(s)" in answer.json()["detail"]
    assert len(faults(answer)) == 20


async def test_what_was_taken_back_is_a_duplicate_whatever_is_sent_under_its_id(
    client: httpx.AsyncClient, seeds: Seeds
) -> None:
    await send(client, FIRST, event("bob", 1, event_id="order-2"))
    await client.delete("/v1/events/order-1")
    await client.delete("/v1/users/bob")
    others = [{**FIRST, "value": 1}, event("bob", 2, event_id="order-2")]
    assert counts(await send(client, *others)) == (0, 2)
    assert seeds.count("interactions") == 0


async def test_of_many_senders_of_one_id_one_is_taken_and_the_others_hear_of_a_conflict(
    client: httpx.AsyncClient, seeds: Seeds
) -> None:
    batches = [
        [event(f"user-{n}", n, event_id="once"), event("all", n, event_id=f"of-{n}")]
        for n in range(8)
    ]
    answers = await asyncio.gather(*(send(client, *batch) for batch in batches))
    assert sorted(answer.status_code for answer in answers) == [202, *[409] * 7]
    assert seeds.count("interactions") == seeds.count("users") == 2
