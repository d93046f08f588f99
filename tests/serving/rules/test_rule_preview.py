"""Whom and what rules would touch, before they are saved."""

from typing import Any

import httpx
import pytest
from sqlalchemy import update

from tests import tables
from tests.serving.conftest import Seeds, Start, faults
from tests.serving.placements.saved_placements import saved


@pytest.fixture
async def viewer(start: Start, seeds: Seeds) -> httpx.AsyncClient:
    """Thirty films, every third is a war film; film 27 is not available."""
    for n, item_no in enumerate(seeds.film_nos[:30]):
        values = {"categories": ["war"] if n % 3 == 0 else [], "attributes": {"year": 2000 + n}}
        items = tables.items
        seeds.write(update(items).where(items.c.item_no == item_no).values(**values))
    seeds.hide_item(27)
    client = await start()
    client.headers["X-API-Key"] = seeds.key("read", "write", "users", "admin", name="viewer")
    return client


async def preview(client: httpx.AsyncClient, *rules: dict[str, Any], **more: Any) -> Any:
    answer = await client.post("/v1/rules/preview", json={"rules": rules, **more})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_preview_counts_items_and_users_and_shows_examples(
    viewer: httpx.AsyncClient,
) -> None:
    for user, country in (("ben", "DE"), ("cem", "DE"), ("eva", "FR")):
        put = await viewer.put(f"/v1/users/{user}", json={"attributes": {"country": country}})
        assert put.status_code in {200, 201}
    found = await preview(
        viewer,
        {"name": "war", "do": "hide", "category": "war", "users": 'country = "DE"'},
        {"name": "new", "do": "boost", "filter": "year > 2025 and year < 2030", "factor": 2},
        {"name": "pin", "do": "pin", "item_ids": ["film-3", "film-1", "none"], "position": 1},
        {"name": "years", "do": "cap", "attribute": "year", "at_most": 1},
        {"name": "ended", "do": "hide", "category": "x", "ends_at": "2020-01-01T00:00:00Z"},
    )
    counted = [
        (each["name"], each["items"], [item["item_id"] for item in each["examples"]][:2])
        for each in found["rules"]
    ]
    assert counted == [
        ("war", 9, ["film-24", "film-21"]),
        ("new", 3, ["film-29", "film-28"]),
        ("pin", 2, ["film-3", "film-1"]),
        ("years", 29, ["film-0", "film-1"]),
        ("ended", 0, []),
    ]
    assert found["rules"][0]["examples"][0]["title"]
    assert [each["users"] for each in found["rules"]] == [2, None, None, None, None]
    assert [each["holds_now"] for each in found["rules"]] == [True, True, True, True, False]


async def test_a_preview_compares_the_items_of_rules(viewer: httpx.AsyncClient) -> None:
    hide = {"name": "hide", "do": "hide", "filter": "year < 2010"}
    pin = {"name": "pin", "do": "pin", "item_ids": ["film-3"], "position": 1}
    found = await preview(viewer, hide, pin)
    assert found["conflicts"] == [
        {
            "rules": ["hide", "pin"],
            "detail": "All of what 'pin' is to pin is hidden by 'hide'.",
        }
    ]
    assert (await preview(viewer, pin, limit=5))["conflicts"] == []


async def test_what_is_saved_says_which_rules_get_into_each_others_way(
    viewer: httpx.AsyncClient,
) -> None:
    pins = [
        {"name": name, "do": "pin", "item_ids": [name], "position": 1}
        for name in ("film-1", "film-2")
    ]
    answer = await saved(viewer, "home", rules=pins)
    assert [each["rules"] for each in answer["conflicts"]] == [["film-1", "film-2"]]
    assert (await saved(viewer, "home", 1, rules=pins[:1]))["conflicts"] == []


async def test_two_rules_of_one_name_are_not_previewed(viewer: httpx.AsyncClient) -> None:
    rule = {"name": "same", "do": "hide", "category": "war"}
    answer = await viewer.post("/v1/rules/preview", json={"rules": [rule, rule]})
    assert answer.status_code == 422
    assert faults(answer) == {
        "/rules": "Two rules have the name 'same'; each needs a name of its own."
    }
