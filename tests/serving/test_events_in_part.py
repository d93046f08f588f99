"""Events recorded in part, with items that are new, read back, and deleted many at once."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from sqlalchemy import Engine, text

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

FIRST = datetime(2026, 1, 1, tzinfo=UTC)


async def sent(client: httpx.AsyncClient, *events: Any, **query: Any) -> httpx.Response:
    return await client.post("/v1/events", params=query, json={"events": list(events)})


def at(hour: int) -> str:
    return (FIRST + timedelta(hours=hour)).isoformat()


async def test_good_events_are_recorded_in_part_with_a_result_each(
    client: httpx.AsyncClient, seeds: Seeds
) -> None:
    seeds.listed_user("ann", popular=range(20, 30))
    assert (await send(client, event("ann", 20, event_id="old"))).status_code == 202
    events: list[Any] = [
        event("ann", 0, event_id="new"),
        event("ann", 1, "unheard-of"),
        event("ann", 20, event_id="old"),
        event("ann", 2, event_id="old"),
        "none",
        event("ann", 0, event_id="new"),
        {"user_id": "ann", "item_id": "nowhere", "kind": "view"},
        event("ann", 3, event_id="new"),
        event("bob", 4),
    ]
    answer = await sent(client, *events, partial=True)
    assert answer.status_code == 202, answer.text
    body = answer.json()
    wanted = "accepted refused duplicate refused refused duplicate refused refused accepted"
    assert [each["status"] for each in body["results"]] == wanted.split()
    assert (body["accepted"], body["duplicates"], body["refused"]) == (2, 2, 5)
    pointers = {error["pointer"] for each in body["results"] for error in each["errors"]}
    assert pointers == {
        f"/events/{n}" for n in ("1/kind", "3/event_id", "4", "6/item_id", "7/event_id")
    }
    details = {each["pointer"]: each["detail"] for r in body["results"] for each in r["errors"]}
    assert "was recorded before with another content" in details["/events/3/event_id"]
    assert (
        "stands at /events/0" in details["/events/7/event_id"]
        or "film-0" in details["/events/7/event_id"]
    )
    assert [each["event_id"] for each in body["results"]] == body["event_ids"]
    assert seeds.count("interactions") == 3
    listed = ids(await recommended(client, "ann", limit=30))
    assert not {"film-0", "film-20"} & {*listed}
    assert {"film-2", "film-3"} <= {*listed}
    again = await sent(client, *events[:1], partial=True)
    assert (again.json()["accepted"], again.json()["duplicates"]) == (0, 1)
    nothing = await sent(client, "none", partial=True)
    assert (nothing.status_code, nothing.json()["refused"]) == (202, 1)
    refused = await sent(client, *events)
    assert (refused.status_code, len(faults(refused))) == (422, 3)
    whole = await send(client, event("ann", 5))
    assert (whole.json()["refused"], whole.json()["results"]) == (0, None)


async def test_items_that_are_new_are_created_with_the_first_good_event_of_theirs(
    with_tokens: httpx.AsyncClient, seeds: Seeds
) -> None:
    client = with_tokens
    before = seeds.count("items")
    bad = {"user_id": "ann", "item_id": "unseen", "kind": "unheard-of"}
    good = {"user_id": "ann", "item_id": "shoe", "kind": "view"}
    refused = await sent(client, good, bad, create_items=True)
    assert (refused.status_code, list(faults(refused))) == (422, ["/events/1/kind"])
    assert seeds.count("items") == before
    answer = await sent(client, good, bad, good, create_items=True, partial=True)
    assert (answer.json()["accepted"], answer.json()["refused"]) == (2, 1)
    assert seeds.count("items") == before + 1
    assert (await client.get("/v1/items/shoe")).json()["title"] == "shoe"
    await client.delete("/v1/items/shoe")
    assert (await sent(client, good, create_items=True)).status_code == 202
    assert (await client.get("/v1/items/shoe")).status_code == 404
    headers = await token_of(client, "ann")
    own = {"events": [{**good, "item_id": "mine"}]}
    forbidden = await client.post("/v1/events?create_items=true", json=own, headers=headers)
    assert forbidden.status_code == 403
    assert seeds.count("items") == before + 1


async def test_events_are_read_back_by_user_item_time_and_kind(client: httpx.AsyncClient) -> None:
    kinds = ("view", "like")
    events = [
        event(user, n % 3, kinds[n % 2], occurred_at=at(n // 2), event_id=f"{user}-{n}")
        for n in range(8)
        for user in ("ann", "bob")
    ]
    rated = event("ann", 9, "rate", value=7, scale="1:10", occurred_at=at(50))
    assert (await send(client, *events, rated)).status_code == 202

    async def found(**query: Any) -> list[tuple[str, str, str]]:
        read = [
            event for page in await pages(client, "/v1/events", **query) for event in page["events"]
        ]
        return [(each["user_id"], each["item_id"], each["kind"]) for each in read]

    def expected(**query: Any) -> list[tuple[str, str, str]]:
        rows = sorted(
            enumerate([*events, rated]),
            key=lambda row: (row[1]["occurred_at"], row[0]),
            reverse=True,
        )
        return [
            (e["user_id"], e["item_id"], e["kind"])
            for _, e in rows
            if all(e[name] == query.get(name, e[name]) for name in ("user_id", "item_id", "kind"))
            and query.get("from", "") <= e["occurred_at"] < query.get("to", "9")
        ]

    for query in (
        {"user_id": "ann"}, {"item_id": "film-1"}, {"user_id": "bob", "item_id": "film-2"},
        {"user_id": "ann", "kind": "like"}, {"item_id": "film-0", "from": at(1), "to": at(3)},
        {"user_id": "nobody"}, {"item_id": "nothing"},
    ):  # fmt: skip
        assert sorted(await found(**query, limit=2)) == sorted(expected(**query)), query
    newest = (await client.get("/v1/events?user_id=ann&limit=1")).json()["events"][0]
    assert (newest["value"], newest["scale"]) == (7.0, "1:10")
    for bad, where in (({}, "user_id"), ({"user_id": "ann", "from": "5"}, "from"),
                       ({"user_id": "ann", "from": at(1), "to": at(1)}, "to"),
                       ({"user_id": "ann", "kind": "unheard-of"}, "kind"),
                       ({"user_id": "ann", "cursor": "x"}, "cursor")):  # fmt: skip
        answer = await client.get("/v1/events", params=bad)
        assert list(faults(answer)) == [f"query:{where}"]


async def test_events_deleted_many_at_once_count_no_longer_and_lists_follow(
    client: httpx.AsyncClient, seeds: Seeds, engine: Engine
) -> None:
    seeds.listed_user("ann", popular=range(20, 30))
    events = [event("ann", n, occurred_at=at(n), event_id=f"a-{n}") for n in range(5)]
    events += [event(f"user-{n}", 7, occurred_at=at(n)) for n in range(5)]
    assert (await send(client, *events)).status_code == 202
    assert not {"film-0", "film-1"} & {*ids(await recommended(client, "ann", limit=30))}

    async def deleted(**query: Any) -> tuple[int, bool]:
        answer = await client.delete("/v1/events", params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()["deleted"], answer.json()["more"]

    for bad, wrong in (
        ({}, "from"),
        ({"from": at(1)}, "to"),
        ({"kind": "view", "to": at(1)}, "from"),
        ({"user_id": "ann", "from": at(2), "to": at(1)}, "to"),
        ({"user_id": "ann", "kind": "vew"}, "kind"),
    ):
        refused = await client.delete("/v1/events", params=bad)
        assert list(faults(refused)) == [f"query:{wrong}"]
    assert await deleted(user_id="ann", item_id="film-0") == (1, False)
    assert "film-0" in ids(await recommended(client, "ann", limit=30))
    assert await deleted(user_id="ann", limit=3) == (3, True)
    assert await deleted(user_id="ann", limit=3) == (1, False)
    assert await deleted(user_id="ann") == (0, False)
    assert {"film-0", "film-1"} <= {*ids(await recommended(client, "ann", limit=30))}
    # What was deleted does not come back when it is sent again.
    assert (await send(client, *events[:5])).json()["duplicates"] == 5
    assert await deleted(item_id="film-7", kind="like") == (0, False)
    assert await deleted(**{"from": at(3), "to": at(9)}) == (2, False)
    assert await deleted(item_id="film-7") == (3, False)
    assert seeds.count("interactions") == 0
    assert seeds.count("event_deletions") == 10
    # Whoever follows the log finds that the vectors of all six are behind.
    with engine.connect() as connection:
        changed = connection.execute(text("select count(distinct user_no) from user_changes"))
        assert changed.scalar_one() == 6


async def test_who_deletes_more_than_there_is_time_for_is_answered_how_to_ask_for_less(
    start: Start, seeds: Seeds
) -> None:
    client = await start(write_budget_seconds=1.0)
    with seeds.engine.connect() as connection:
        connection.execute(text("lock table interactions in access exclusive mode"))
        late = await client.delete("/v1/events", params={"from": at(1), "to": at(2)})
        connection.rollback()
    assert late.status_code == 503
    assert "smaller limit" in late.json()["detail"]
