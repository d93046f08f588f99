"""A draft is looked at before it is saved: whose lists change, how and why."""

import asyncio
from typing import Any

import httpx
import pytest

from tests.serving.conftest import Seeds, event, ids, recommended, send
from tests.serving.placements.saved_placements import saved


@pytest.fixture
def ann(seeds: Seeds) -> int:
    return seeds.listed_user("ann", popular=range(5, 10))


async def preview(
    client: httpx.AsyncClient, name: str = "home", drawn: int = 0, **fields: Any
) -> Any:
    users, context = fields.pop("users", ["ann"]), fields.pop("context", None)
    body = {"definition": fields, "users": users, "drawn": drawn, "context": context}
    answer = await client.post(f"/v1/placements/{name}/preview", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def ranks_of(listed: list[dict[str, Any]]) -> dict[str, int]:
    return {item["item_id"]: rank for rank, item in enumerate(listed, 1)}


async def causes(client: httpx.AsyncClient, **fields: Any) -> dict[str, str]:
    """Of the moves of ann's list, each of which is checked against both lists."""
    (found,) = (await preview(client, **fields))["lists"]
    before, after = ranks_of(found["current"]), ranks_of(found["draft"])
    moved = {name for name in {*before, *after} if before.get(name) != after.get(name)}
    assert {move["item_id"]: (move["before"], move["after"]) for move in found["moves"]} == {
        name: (before.get(name), after.get(name)) for name in moved
    }
    return {move["item_id"]: move["cause"] for move in found["moves"]}


async def test_a_preview_shows_what_each_decision_would_move_and_why(
    operator: httpx.AsyncClient, ann: int
) -> None:
    await saved(operator, "home", limit=6, diversity=0, explore=0)
    same = {"limit": 6, "diversity": 0, "explore": 0}
    assert await causes(operator, **same) == {}
    now = ids(await recommended(operator, "ann", placement="home"))
    shorter = await causes(operator, **same | {"limit": 4})
    assert shorter == dict.fromkeys(now[4:], "limit")
    longer = await causes(operator, **same | {"limit": 8})
    assert (len(longer), {*longer.values()}) == (2, {"limit"})
    filtered = await causes(operator, **same, filter=f'item_id != "{now[0]}"')
    assert filtered[now[0]] == "filter"
    assert {cause for name, cause in filtered.items() if name != now[0]} == {"others"}
    assert "blend" in (await causes(operator, **same, weights={"batch": 1})).values()
    assert {*(await causes(operator, **same | {"diversity": 1})).values()} <= {
        "reranking", "others",
    }  # fmt: skip
    assert (await send(operator, event("ann", 0))).status_code == 202
    again = await causes(operator, **same, exclude_seen=False)
    assert again["film-0"] == "seen"


async def test_a_preview_is_what_apps_get_once_it_is_saved_and_leaves_nothing_behind(
    operator: httpx.AsyncClient, seeds: Seeds, ann: int
) -> None:
    draft = {
        "limit": 5,
        "filter": "item_id != user.odd",
        "variants": [{"when": {"device": ["phone"]}, "limit": 3}],
    }
    await operator.patch("/v1/users/ann", json={"attributes": {"odd": "film-9"}})
    whole = (await preview(operator, **draft))["lists"][0]
    small = (await preview(operator, context={"device": "phone"}, **draft))["lists"][0]
    assert (len(whole["draft"]), len(small["draft"])) == (5, 3)
    await asyncio.sleep(0.2)
    assert seeds.count("impressions") == 0
    assert (await operator.get("/v1/placements/home")).status_code == 404
    await saved(operator, "home", **draft)
    shown = ids(await recommended(operator, "ann", placement="home"))
    assert shown == [item["item_id"] for item in whole["draft"]]
    assert "film-9" not in shown


async def test_users_are_drawn_the_same_for_a_seed_and_strangers_are_shown_too(
    operator: httpx.AsyncClient, seeds: Seeds, ann: int
) -> None:
    for number in range(30):
        seeds.user(f"user-{number}")
    found = [await preview(operator, drawn=4, users=["ann", "stranger"]) for _ in range(2)]
    users = [[each["user_id"] for each in answer["lists"]] for answer in found]
    assert users[0] == users[1]
    assert users[0][:2] == ["ann", "stranger"]
    assert 5 <= len({*users[0]}) == len(users[0]) <= 6
    assert all(each["draft"] and not each["problem"] for each in found[0]["lists"])
    rising = (await preview(operator, users=["stranger"], fallback="latest"))["lists"][0]
    assert "fallback" in {move["cause"] for move in rising["moves"]}


async def test_a_preview_needs_the_scope_users(
    operator: httpx.AsyncClient, seeds: Seeds, ann: int
) -> None:
    operator.headers["X-API-Key"] = seeds.key("admin", "read", name="admin alone")
    body = {"definition": {}, "users": ["ann"]}
    assert (await operator.post("/v1/placements/home/preview", json=body)).status_code == 403


def rules_of(now: list[str]) -> list[dict[str, Any]]:
    """Rules about a list as it is now."""
    return [
        {"name": "first", "do": "pin", "item_ids": ["film-20"], "position": 1},
        {"name": "not this", "do": "hide", "item_ids": [now[0]]},
        {"name": "few", "do": "cap", "item_ids": now[2:4], "at_most": 1},
        {"name": "phones", "do": "hide", "item_ids": [now[1]], "when": {"device": ["phone"]}},
    ]


async def rules_of_moves(
    client: httpx.AsyncClient, name: str = "home", **fields: Any
) -> dict[str, tuple[str, list[str]]]:
    (found,) = (await preview(client, name, **fields))["lists"]
    return {move["item_id"]: (move["cause"], move["rules"]) for move in found["moves"]}


async def test_a_preview_names_the_rules_that_moved_an_item_also_those_of_a_context(
    operator: httpx.AsyncClient, ann: int
) -> None:
    same = {"limit": 6, "diversity": 0, "explore": 0}
    await saved(operator, "home", **same)
    now = ids(await recommended(operator, "ann", placement="home"))
    rules = rules_of(now)
    moves = await rules_of_moves(operator, **same, rules=rules)
    assert moves["film-20"] == ("rules", ["first"])
    assert moves[now[0]] == ("rules", ["not this"])
    assert moves[now[3]] == ("rules", ["few"])
    assert {*moves} - {"film-20", now[0], now[3]} <= {
        name for name, cause in moves.items() if cause == ("others", [])
    }
    phones = await rules_of_moves(operator, **same, rules=rules, context={"device": "phone"})
    assert phones[now[1]] == ("rules", ["phones"])
    await saved(operator, "home", 1, **same, rules=rules)
    assert await rules_of_moves(operator, **same, rules=rules) == {}, "they are in force already"
    undone = await rules_of_moves(operator, **same)
    assert undone["film-20"] == ("rules", ["first"])
    assert undone[now[0]] == ("rules", ["not this"])


async def test_rules_of_all_placements_are_previewed_and_count_in_other_previews(
    operator: httpx.AsyncClient, ann: int
) -> None:
    same = {"limit": 6, "diversity": 0, "explore": 0}
    await saved(operator, "default", **same)
    first, hiding, *_ = rules_of(ids(await recommended(operator, "ann")))
    moves = await rules_of_moves(operator, "everywhere", rules=[first])
    assert moves["film-20"] == ("rules", ["first"])
    await saved(operator, "everywhere", rules=[first])
    assert await rules_of_moves(operator, "default", **same) == {}
    moves = await rules_of_moves(operator, "default", **same, rules=[hiding])
    assert moves[hiding["item_ids"][0]] == ("rules", ["not this"])
    assert "film-20" not in moves
