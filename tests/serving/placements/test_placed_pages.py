"""Rows of pages that are for placements."""

from typing import Any

import httpx
import pytest
from sqlalchemy import text

from tests.serving.conftest import Seeds, faults, until
from tests.serving.placements.saved_placements import saved


@pytest.fixture(autouse=True)
def ann(seeds: Seeds) -> int:
    return seeds.listed_user("ann", popular=range(15))


async def page(client: httpx.AsyncClient, *rows: dict[str, Any], **more: Any) -> httpx.Response:
    named = [{"title_id": f"row-{no}", **row} for no, row in enumerate(rows)]
    return await client.post("/v1/pages", json={"user_id": "ann", "rows": named, **more})


async def test_a_row_is_as_was_decided_for_its_placement(
    operator: httpx.AsyncClient, seeds: Seeds
) -> None:
    await saved(
        operator,
        "top",
        limit=4,
        filter='item_id != "film-9"',
        variants=[{"when": {"device": ["phone"]}, "limit": 2, "impressions": False}],
    )
    rows = [
        {"row": "for_you", "placement": "top"},
        {"row": "for_you", "limit": 3},
        {"row": "new_for_you", "placement": "top", "limit": 1, "filter": 'item_id != "film-8"'},
    ]
    answer = await page(operator, *rows)
    assert answer.status_code == 200, answer.text
    first, second, third = answer.json()["rows"]
    assert [len(row["items"]) for row in (first, second, third)] == [4, 3, 1]
    named = {"name": "top", "version": 1}
    assert [row["placement"] for row in (first, second, third)] == [named, None, named]
    assert "film-9" not in {item["item_id"] for row in (first, third) for item in row["items"]}
    small = (await page(operator, *rows, context={"device": "phone"})).json()["rows"]
    assert [len(row["items"]) for row in small] == [2, 3, 1]
    shown = text("select placement, count(*) from impressions group by placement")

    async def kept() -> bool:
        with seeds.engine.connect() as connection:
            return dict(connection.execute(shown).tuples().all()) == {"top": 2, None: 2}

    await until(kept)


async def test_a_row_is_refused_what_it_does_not_have(operator: httpx.AsyncClient) -> None:
    await saved(operator, "top", limit=4)
    await saved(operator, "diverse", diversity=0.5)
    refused = await page(operator, {"row": "continue", "placement": "top"})
    assert refused.status_code == 422
    assert "has no placement" in refused.json()["detail"]
    for kind in ("trending", "popular", "because_of"):
        refused = await page(operator, {"row": kind, "placement": "diverse"})
        assert faults(refused)["/rows/0/placement"].startswith("diverse decides on diversity")
    unknown = await page(operator, {"row": "for_you"}, {"row": "for_you", "placement": "nowhere"})
    assert list(faults(unknown)) == ["/rows/1/placement"]
