"""Rules as a team saves them in placements, in the lists that apps ask for."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.serving.conftest import Seeds, Start, faults, ids, recommended, until
from tests.serving.placements.saved_placements import save, saved


@pytest.fixture
async def operator(start: Start, seeds: Seeds) -> httpx.AsyncClient:
    client = await start()
    client.headers["X-API-Key"] = seeds.key("read", "write", "users", "admin", name="operator")
    return client


@pytest.fixture
def ann(seeds: Seeds) -> int:
    """Films 0 to 4 in the list, and 5 to 9 popular."""
    return seeds.listed_user("ann", popular=range(5, 10))


def pin(film: int, position: int = 1, **more: Any) -> dict[str, Any]:
    return {
        "name": f"pin {film}",
        "do": "pin",
        "item_ids": [f"film-{film}"],
        "position": position,
        **more,
    }


async def first(client: httpx.AsyncClient, user: str = "ann", **query: Any) -> str:
    answer = await recommended(client, user, limit=3, explore=0, **{"placement": "home", **query})
    return ids(answer)[0].removeprefix("film-")


async def test_rules_of_a_placement_hold_there_and_those_of_everywhere_in_all(
    operator: httpx.AsyncClient, ann: int
) -> None:
    await saved(operator, "home", rules=[pin(8)])
    assert await first(operator) == "8"
    assert await first(operator, placement="default") != "8"
    assert await first(operator, "nobody") == "8"
    hide = {"name": "hide", "do": "hide", "item_ids": ["film-8"]}
    await saved(operator, "everywhere", rules=[hide, pin(9, position=2)])
    answer = await recommended(operator, "ann", limit=3, placement="home")
    assert "film-8" not in ids(answer)
    assert ids(answer)[1] == "film-9"
    assert ids(await recommended(operator, "ann", limit=3))[1] == "film-9"
    body = {"user_id": "ann", "placement": "home", "limit": 3}
    assert ids(await operator.post("/v1/recommendations", json=body)) == ids(answer)


async def test_a_changed_rule_holds_at_once_and_what_was_cached_is_not_given_again(
    operator: httpx.AsyncClient, ann: int
) -> None:
    for version, film in enumerate((8, 9, 7)):
        await saved(operator, "home", version, rules=[pin(film)])
        for _ in range(3):
            assert await first(operator) == str(film)


async def test_rules_begin_and_end_for_cached_lists_too(
    operator: httpx.AsyncClient, ann: int
) -> None:
    ends_at = datetime.now(UTC) + timedelta(seconds=2)
    rules = [pin(8, ends_at=ends_at.isoformat()), pin(9, starts_at=ends_at.isoformat())]
    await saved(operator, "home", rules=rules)
    found = [await first(operator) for _ in range(5)]
    await asyncio.sleep(max((ends_at - datetime.now(UTC)).total_seconds(), 0.0))
    assert await first(operator) == "9"
    assert set(found) <= {"8", "9"}
    assert found[0] == "8"


async def test_a_rule_asks_for_the_context_and_for_the_user(
    operator: httpx.AsyncClient, ann: int, seeds: Seeds
) -> None:
    await saved(
        operator,
        "home",
        rules=[
            pin(7, when={"device": ["phone"]}),
            pin(8, users='country = "DE"'),
            pin(9, users="not (premium = true)"),
        ],
    )
    put = await operator.put("/v1/users/ben", json={"attributes": {"country": "DE"}})
    assert put.status_code in {200, 201}
    for _ in range(2):
        assert await first(operator, context="device:phone") == "7"
        assert await first(operator, "ben") == "8"
        assert await first(operator, "ann") == "9"
        assert await first(operator, "ann", context="device:tv") == "9"
    gone = await operator.patch("/v1/users/ben", json={"attributes": {"country": "FR"}})
    assert gone.status_code == 200
    assert await first(operator, "ben") == "9"
    basket = {"items": [{"item_id": "film-1"}], "placement": "home", "limit": 3}
    answer = await operator.post("/v1/recommendations", json=basket)
    assert not {"film-8", "film-9"} & {ids(answer)[0]}


async def test_a_rule_is_explained(operator: httpx.AsyncClient, ann: int) -> None:
    await saved(operator, "home", rules=[pin(8)])
    answer = await recommended(operator, "ann", placement="home", explain=True)
    item = answer.json()["items"][0]
    assert (item["item_id"], item["rules"]) == (
        "film-8",
        [{"name": "pin 8", "do": "pin", "change": None}],
    )


async def test_a_rule_that_contradicts_itself_is_not_saved(operator: httpx.AsyncClient) -> None:
    answer = await save(operator, "home", rules=[{"name": "boost", "do": "boost", "factor": 2}])
    assert answer.status_code == 422
    assert faults(answer) == {"/definition/rules/0": "Give one of item_ids, category, filter."}


async def test_every_process_follows_what_becomes_of_an_item(
    start: Start, operator: httpx.AsyncClient, ann: int
) -> None:
    other = await start()
    hide = {"name": "hide", "do": "hide", "filter": "blocked = true"}
    await saved(operator, "home", rules=[hide])

    asked = {"placement": "home", "limit": 5}

    async def is_known() -> bool:
        return (await recommended(other, "ann", **asked)).status_code == 200

    await until(is_known)
    (item_id, *_) = ids(await recommended(other, "ann", **asked))

    async def shown(client: httpx.AsyncClient) -> bool:
        return item_id in ids(await recommended(client, "ann", **asked))

    assert await shown(operator)
    patch = {"attributes": {"blocked": True}}
    assert (await operator.patch(f"/v1/items/{item_id}", json=patch)).status_code == 200

    async def hidden() -> bool:
        return not await shown(other) and not await shown(operator)

    await until(hidden)
