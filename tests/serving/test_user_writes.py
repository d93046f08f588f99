"""Users changed in part, stored many at once and listed."""

import asyncio
from typing import Any

import httpx
from sqlalchemy import Engine, text

from tests.passes import fold_all
from tests.serving.conftest import Seeds, event, faults, ids, pages, recommended, send
from tests.serving.declared import films, publish_robots_and_noir


async def test_a_patch_changes_what_it_names_and_lists_follow(
    client: httpx.AsyncClient, engine: Engine, film_nos: list[int]
) -> None:
    publish_robots_and_noir(engine, film_nos)
    whole = {
        "attributes": {"country": "NL", "trial": True, "of": {"a": 1, "b": 2}},
        "interests": {"words": ["robots"], "items": ["film-3", "film-1"]},
    }
    put = (await client.put("/v1/users/ann", json=whole)).json()
    assert (await client.patch("/v1/users/ann", json={})).json() == put
    assert not {1, 3} & {*films(await recommended(client, "ann", limit=30))}
    patch = {
        "attributes": {"country": "BE", "trial": None, "of": {"b": None, "c": 3}},
        "interests": {"items": ["film-1"]},
    }
    answer = await client.patch("/v1/users/ann", json=patch)
    assert answer.status_code == 200, answer.text
    assert answer.json() == (await client.get("/v1/users/ann")).json()
    assert answer.json()["attributes"] == {"country": "BE", "of": {"a": 1, "c": 3}}
    assert answer.json()["interests"]["words"] == [{"word": "robots", "known": True}]
    assert answer.json()["interests"]["items"] == ["film-1"]
    assert 3 in films(await recommended(client, "ann", limit=30))
    nothing = await client.patch("/v1/users/ann", json={"attributes": None, "interests": None})
    assert nothing.json()["attributes"] == {}
    assert nothing.json()["interests"] == {"words": [], "items": []}
    unknown = await client.patch("/v1/users/nobody", json={"attributes": {"a": 1}})
    assert (unknown.status_code, unknown.json()["type"]) == (404, "urn:tandem:problem:unknown-user")


async def test_of_patches_at_once_none_is_lost_and_a_bad_one_is_refused(
    client: httpx.AsyncClient,
) -> None:
    await client.put("/v1/users/ann", json={"attributes": {"kept": 1}})
    patches: list[dict[str, Any]] = [{"attributes": {f"a{n}": n}} for n in range(4)]
    patches.append({"interests": {"words": ["noir"]}})
    answers = await asyncio.gather(*(client.patch("/v1/users/ann", json=p) for p in patches))
    assert {answer.status_code for answer in answers} == {200}
    found = (await client.get("/v1/users/ann")).json()
    assert found["attributes"] == {"kept": 1, **{f"a{n}": n for n in range(4)}}
    assert [each["word"] for each in found["interests"]["words"]] == ["noir"]
    await client.patch("/v1/users/ann", json={"attributes": {"most": "x" * 65_400}})
    for patch, where in (
        ({"attributes": {"more": "y" * 200}}, "/attributes"),
        ({"attributes": [1]}, "/attributes"),
        ({"interests": {"items": ["film-1", "nowhere"]}}, "/interests/items/1"),
        ({"interests": {"words": "noir"}}, "/interests/words"),
        ({"user_id": "other"}, "/user_id"),
    ):
        answer = await client.patch("/v1/users/ann", json=patch)
        assert answer.status_code == 422, patch
        assert list(faults(answer)) == [where]


async def test_users_are_stored_all_or_none_or_in_part_and_listed_page_by_page(
    client: httpx.AsyncClient, seeds: Seeds, engine: Engine
) -> None:
    seeds.listed_user("ann", popular=range(20, 30))
    assert "film-0" in ids(await recommended(client, "ann", limit=5))
    users: list[Any] = [
        {"user_id": "ann", "interests": {"items": ["film-0"]}},
        {"user_id": "me"},
        {"user_id": "bob", "attributes": {"country": "NL"}},
        {"user_id": "eve", "interests": {"items": ["film-1", "nowhere"]}},
        {"user_id": "bob"},
        {"user_id": "dan", "interests": {"words": ["noir"]}},
    ]
    wrong = {"/users/1/user_id", "/users/3/interests/items/1", "/users/4/user_id"}
    refused = await client.post("/v1/users", json={"users": users})
    assert (refused.status_code, faults(refused).keys()) == (422, wrong)
    assert seeds.count("users") == 1
    answer = await client.post("/v1/users?partial=true", json={"users": users})
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert [each["status"] for each in body["results"]] == [
        "replaced", "refused", "created", "refused", "refused", "created",
    ]  # fmt: skip
    assert (body["created"], body["replaced"], body["refused"]) == (2, 1, 3)
    assert {error["pointer"] for each in body["results"] for error in each["errors"]} == wrong
    # What was named counts as seen at once, and no more once it is taken back.
    assert "film-0" not in ids(await recommended(client, "ann", limit=5))
    fold_all(engine)
    again = {"users": [{"user_id": "ann"}, {"user_id": "zoe"}]}
    assert (await client.post("/v1/users", json=again)).status_code == 200
    assert "film-0" in ids(await recommended(client, "ann", limit=5))
    found = [user for page in await pages(client, "/v1/users", limit=1) for user in page["users"]]
    assert [user["user_id"] for user in found] == ["ann", "bob", "dan", "zoe"]
    assert [(await client.get(f"/v1/users/{user['user_id']}")).json() for user in found] == found
    assert list(faults(await client.get("/v1/users?cursor=~"))) == ["query:cursor"]


async def test_the_same_users_in_two_batches_at_once_are_stored_and_events_come_between(
    client: httpx.AsyncClient, engine: Engine
) -> None:
    names = [f"user-{n}" for n in range(20)]

    def batch(order: list[str], number: int) -> dict[str, Any]:
        interests = {"words": [f"{number}"]}
        return {
            "users": [
                {"user_id": name, "attributes": {"by": number}, "interests": interests}
                for name in order
            ]
        }

    answers = await asyncio.gather(
        *(client.post("/v1/users", json=batch(names[:: 1 - 2 * (n % 2)], n)) for n in range(6)),
        *(send(client, *(event(name, n) for name in names)) for n in range(4)),
    )
    assert {answer.status_code for answer in answers} == {200, 202}
    with engine.connect() as connection:
        stored = connection.execute(
            text(
                "select attributes ->> 'by', words[1]"
                " from users join user_interests using (user_no)"
            )
        ).all()
    assert len(stored) == 20
    assert all(by == word for by, word in stored)
