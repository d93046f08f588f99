"""A whole catalogue of 3,000 items is scrolled through, while other things happen."""

import random

import httpx
import pytest
from sqlalchemy import Engine, text

from tests.serving.conftest import Seeds, recommended, send, until

ITEMS = 3_000
KNOWN = 2_400
"""So many the run has vectors of; the next 300 are popular, and nothing is known of the others."""
POPULAR = 300
LIMIT = 100
STORE_ITEMS = """
insert into items (item_id, title)
select 'item-' || no, 'Item ' || no from generate_series(1, :items) as no
"""
STORE_VECTORS = """
insert into item_embeddings (run_id, item_no, embedding, taste_scale, confidence_scale)
select :run_id, item_no, cast('[1,' || random() || ']' as vector), 1, 1
from items where item_no = any(:item_nos)
"""


@pytest.fixture
def film_nos(engine: Engine) -> list[int]:
    """The catalogue, in no order of its numbers."""
    with engine.begin() as connection:
        connection.execute(text(STORE_ITEMS), {"items": ITEMS})
        item_nos = list(connection.execute(text("select item_no from items")).scalars())
    random.Random(5).shuffle(item_nos)
    return item_nos


def _publish(seeds: Seeds, user_no: int) -> int:
    popular = seeds.film_nos[KNOWN : KNOWN + POPULAR]
    run_id = seeds.run(
        users={user_no: ((1.0, 1.0), 0)},
        popular={"": [(no, float(POPULAR - n)) for n, no in enumerate(popular)]},
    )
    seeds.write(text(STORE_VECTORS).bindparams(run_id=run_id, item_nos=seeds.film_nos[:KNOWN]))
    return run_id


async def _switched(client: httpx.AsyncClient, run_id: int) -> None:
    async def is_served() -> bool:
        return bool((await client.get("/v1/latest?limit=1")).json()["run"]["id"] == run_id)

    await until(is_served)


async def test_no_item_comes_twice_and_none_is_lost_to_the_end_of_the_catalogue(
    client: httpx.AsyncClient, seeds: Seeds
) -> None:
    user_no = seeds.user("ann")
    await _switched(client, _publish(seeds, user_no))
    order = {f"item-{no}": n for n, no in enumerate(seeds.film_nos)}
    used: set[str] = set()
    found: list[str] = []
    personal = 0
    query = {"limit": LIMIT, "explore": 0, "diversity": 0}
    cursor: dict[str, str] = {}
    for page_no in range(ITEMS // LIMIT + 2):
        page = (await recommended(client, "ann", **query, **cursor)).json()
        page_ids = [item["item_id"] for item in page["items"]]
        assert used.isdisjoint(page_ids)
        found += page_ids
        personal += sum(bool(item["scores"]) for item in page["items"])
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
        if page_no in {3, 7}:
            await _switched(client, _publish(seeds, user_no))
        if page_no % 5 == 0:
            unseen = next(item_id for item_id in reversed(order) if item_id not in found)
            used.add(unseen)
            await send(client, {"user_id": "ann", "item_id": unseen, "kind": "view"})
    else:
        raise AssertionError("the list does not end")
    assert len(found) == len(set(found))
    assert set(found) == order.keys() - used
    assert personal == KNOWN
    places = [order[item_id] for item_id in found]
    assert max(places[:KNOWN]) < KNOWN, "what the user likes comes first, then what is popular"
    assert places[KNOWN : KNOWN + POPULAR] == list(range(KNOWN, KNOWN + POPULAR))
