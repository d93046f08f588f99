"""POST /v1/users/{user_id}/merge: a visitor becomes part of a user."""

import asyncio
from typing import Any

import httpx
from sqlalchemy import Engine, text

from tests.passes import fold_all
from tests.removals import rows_of_user
from tests.serving.accounts.people import People
from tests.serving.conftest import Seeds, event, faults, recommended, send
from tests.serving.declared import films, publish_robots_and_noir


async def merge(client: httpx.AsyncClient, user: str, visitor: str) -> httpx.Response:
    return await client.post(f"/v1/users/{user}/merge", json={"from": visitor})


def vectors(engine: Engine) -> dict[str, str]:
    statement = (
        "select user_id, cast(embedding as text) from user_embeddings join users using (user_no)"
    )
    with engine.connect() as connection:
        return dict(connection.execute(text(statement)).all())


async def history(client: httpx.AsyncClient, user: str) -> list[str]:
    found = (await client.get(f"/v1/users/{user}/history")).json()["events"]
    return [each["item_id"] for each in found]


async def test_a_visitor_becomes_part_of_a_user_as_if_both_had_been_one(
    client: httpx.AsyncClient, engine: Engine, film_nos: list[int]
) -> None:
    publish_robots_and_noir(engine, film_nos)
    when = [f"2026-01-0{n + 1}T00:00:00Z" for n in range(4)]
    robots, noir = {"words": ["robots"], "items": ["film-5"]}, {"words": ["noir", "robots"]}
    of_visitor = {"attributes": {"country": "NL", "seen": 1}, "interests": robots}
    of_ann = {"attributes": {"country": "BE"}, "interests": noir}
    both = {"attributes": {"country": "BE", "seen": 1}, "interests": {**robots, **noir}}
    await client.put("/v1/users/visitor", json=of_visitor)
    await client.put("/v1/users/ann", json=of_ann)
    # Somebody who did all of it, to compare with.
    await client.put("/v1/users/one", json=both)
    acts = [
        ("visitor", 1, "view"),
        ("ann", 2, "like"),
        ("visitor", 3, "dislike"),
        ("ann", 1, "view"),
    ]
    events = [
        event(user, film, kind, occurred_at=at, event_id=f"e{film}{user}")
        for (user, film, kind), at in zip(acts, when, strict=True)
    ]
    events += [{**e, "user_id": "one", "event_id": f"one-{i}"} for i, e in enumerate(events)]
    assert (await send(client, *events)).status_code == 202
    assert 3 in films(await recommended(client, "ann", limit=30))
    assert (await recommended(client, "visitor", limit=30)).status_code == 200

    answer = await merge(client, "ann", "visitor")
    assert answer.status_code == 200, answer.text
    assert answer.json() == {"user_id": "ann", "from": "visitor", "merged": True, "events": 2}
    # At once, from the cache or not, and with what both have said.
    assert not {1, 2, 3, 5} & {*films(await recommended(client, "ann", limit=30))}
    assert await history(client, "ann") == ["film-1", "film-3", "film-2", "film-1"]
    assert await history(client, "visitor") == []
    profiles = [(await client.get(f"/v1/users/{user}")).json() for user in ("ann", "one")]
    for name in ("attributes", "interests"):
        assert profiles[0][name] == profiles[1][name]
    fold_all(engine)
    found = vectors(engine)
    assert "visitor" not in found
    assert found["ann"] == found["one"]

    again = await merge(client, "ann", "visitor")
    assert again.json() == {"user_id": "ann", "from": "visitor", "merged": False, "events": 0}
    # What was under way comes late, and what came before counts once.
    late = await send(client, event("visitor", 7, event_id="late"), events[0], event("ann", 8))
    assert (late.json()["accepted"], late.json()["duplicates"]) == (2, 1)
    assert {*(await history(client, "ann"))[:2]} == {"film-8", "film-7"}
    assert not {7, 8} & {*films(await recommended(client, "ann", limit=30))}
    assert (await client.delete("/v1/events/e1visitor")).json()["deleted"]


async def test_what_cannot_be_merged_is_refused_and_nothing_is_changed(
    client: httpx.AsyncClient, seeds: Seeds
) -> None:
    assert (await send(client, event("v", 1), event("ann", 2), event("bob", 3))).status_code == 202
    assert faults(await merge(client, "ann", "ann")).keys() == {"/from"}
    assert faults(await merge(client, "ann", "me")).keys() == {"/from"}
    assert (await merge(client, "ann", "v")).status_code == 200
    elsewhere = await merge(client, "bob", "v")
    assert (elsewhere.status_code, elsewhere.json()["type"]) == (
        409,
        "urn:tandem:problem:merged-user",
    )
    assert "'ann'" in elsewhere.json()["detail"]
    assert (await merge(client, "v", "bob")).status_code == 409
    put = await client.put("/v1/users/v", json={})
    assert (put.status_code, put.json()["type"]) == (409, "urn:tandem:problem:merged-user")
    batch = {"users": [{"user_id": "new"}, {"user_id": "v"}]}
    refused = await client.post("/v1/users", json=batch)
    assert faults(refused).keys() == {"/users/1/user_id"}
    assert seeds.count("users") == 2
    in_part = (await client.post("/v1/users?partial=true", json=batch)).json()
    assert [each["status"] for each in in_part["results"]] == ["created", "refused"]
    # Whose accounts are two stays two.
    People(seeds).add("carol", "user", user_id="carol")
    People(seeds).add("dan", "user", user_id="dan")
    both = await merge(client, "carol", "dan")
    assert (both.status_code, both.json()["type"]) == (409, "urn:tandem:problem:account-linked")
    assert (seeds.count("users"), seeds.count("merged_users")) == (3, 1)
    # The account of one becomes the other's; a chain leads to its end.
    assert (await merge(client, "ann", "dan")).status_code == 200
    assert (await merge(client, "bob", "ann")).status_code == 200
    assert (await send(client, event("v", 5), event("ann", 6))).status_code == 202
    assert {*(await history(client, "bob"))[:2]} == {"film-6", "film-5"}
    with seeds.engine.connect() as connection:
        linked = connection.execute(text("select user_id from accounts order by name")).scalars()
        assert linked.all() == ["carol", "bob"]


async def test_who_is_forgotten_after_merging_leaves_nothing_and_both_ids_begin_anew(
    client: httpx.AsyncClient, seeds: Seeds
) -> None:
    assert (await send(client, event("v", 1), event("ann", 2))).status_code == 202
    with seeds.engine.connect() as connection:
        numbers = connection.execute(text("select user_no from users")).scalars().all()
    await merge(client, "ann", "v")
    assert (await client.delete("/v1/users/ann")).json()["removed"]["interactions"] == 2
    with seeds.engine.connect() as connection:
        for number in numbers:
            assert rows_of_user(connection, number) == {"forgotten_users": 1}
    assert seeds.count("merged_users") == 0
    assert (await send(client, event("v", 3))).status_code == 202
    assert await history(client, "v") == ["film-3"]
    assert await history(client, "ann") == []


async def test_merges_and_events_at_once_lose_nothing_and_count_nothing_twice(
    client: httpx.AsyncClient, seeds: Seeds, engine: Engine
) -> None:
    def batch(turn: int) -> list[dict[str, Any]]:
        return [
            event(user, turn, event_id=f"{user}-{turn}-{again}")
            for again in range(2)
            for user in ("v1", "v2", "ann", "bob")
        ]

    calls = []
    for turn in range(8):
        calls += [send(client, *batch(turn)), send(client, *batch(turn)[::-1])]
        if turn in (2, 3):
            calls += [merge(client, "ann", "v1"), merge(client, "ann", "v2")]
    answers = await asyncio.gather(*calls)
    assert {answer.status_code for answer in answers} <= {200, 202, 503}
    for turn in range(8):
        assert (await send(client, *batch(turn))).status_code == 202
    assert (await merge(client, "ann", "v1")).json()["merged"] is False
    with engine.connect() as connection:
        count = text(
            "select user_id, count(*) from interactions join users using (user_no) group by 1"
        )
        assert dict(connection.execute(count).all()) == {"ann": 48, "bob": 16}
        stray = text("select count(*) from users join merged_users on from_user_id = user_id")
        assert connection.execute(stray).scalar_one() == 0
