"""Whole lists made with the items in memory are those made without, whatever is asked of them."""

import math
from collections.abc import Sequence
from random import Random
from typing import Any

import httpx
from sqlalchemy import text

from domain.identifiers import RunId
from serving.candidates.item_memory import ItemMemory
from serving.candidates.kept_items import KeptItems
from serving.candidates.recommendations import Recommendations
from serving.recommendations.recommend import Recommender
from tests.serving.conftest import Seeds, Start, event, pages, send

ITEMS, LISTED = 300, 240
HIDDEN = [f"film-{n}" for n in range(30)] + [f"item-{n}" for n in range(ITEMS) if n % 4]
RULES: dict[str, list[dict[str, Any]]] = {
    "default": [],
    "pins": [
        {"name": f"pin {n}", "do": "pin", "position": n, "item_ids": [f"item-{n}", f"item-{7 * n}"]}
        for n in range(1, 5)
    ],
    "hides-most": [{"name": "hide", "do": "hide", "item_ids": HIDDEN}],
    "caps": [{"name": "cap", "do": "cap", "at_most": 2, "item_ids": HIDDEN}],
}
WEIGHTS = (
    [],
    ["batch:1"],
    ["speed:1"],
    ["batch:1", "neighbours:1"],
    ["batch:1", "neighbours:1", "speed:2"],
)
"""Of sources; speed alone searches in memory."""
VARYING = {
    "recommendation_id", "generated_at", "generation_time_ms", "live_vector_age_seconds", "next",
    "run",
}  # fmt: skip

HAPPENING = (
    "update items set available = not available, deleted_at = null where item_no = :no",
    "update items set title = title || '!', categories = array['war'] where item_no = :no",
    "update items set available = false, deleted_at = now() where item_no = :no",
    'update items set attributes = \'{"publish_at": "2999-01-01T00:00:00Z"}\' where item_no = :no',
    'update items set attributes = \'{"expire_at": "2001-01-01T00:00:00Z"}\' where item_no = :no',
    "insert into items (item_id, title) values ('added-' || gen_random_uuid(), 'Added')",
)


def catalogue(seeds: Seeds, random: Random) -> tuple[RunId, list[int]]:
    """Items of four categories, and a run that lists Ann and Bob; Ann and Cat have a vector."""
    with seeds.engine.begin() as connection:
        connection.execute(
            text(
                "insert into items (item_id, title, categories)"
                " select 'item-' || n, 'Item ' || n,"
                " array[(array['war', 'crime', 'comedy', 'art'])[1 + n % 4]]"
                " from generate_series(0, :most) as n"
            ),
            {"most": ITEMS - 1},
        )
        item_nos = [*connection.execute(text("select item_no from items")).scalars()]
    ann, bob, cat = (seeds.user(name) for name in ("ann", "bob", "cat"))

    def drawn() -> list[tuple[int, float]]:
        return [(no, float(-rank)) for rank, no in enumerate(random.sample(item_nos, LISTED))]

    # Whole numbers: whoever adds up their products gets the same.
    vectors = {no: [float(random.randint(-2, 2)) for _ in range(4)] for no in item_nos}
    run_id = seeds.run(
        batch={ann: drawn(), bob: drawn()},
        vectors=vectors,
        users={ann: ((1.0, 2.0, -1.0, 0.0), 0), cat: ((1.0, 2.0, 0.0, 0.0), 0)},
    )
    return RunId(run_id), item_nos


def asked(random: Random) -> dict[str, Any]:
    """A list as somebody may ask for it."""
    asked = {
        "use_cache": False,
        "limit": random.choice([3, 20, 100]),
        "placement": random.choice([*RULES]),
        "weights": random.choice(WEIGHTS),
        "explore": random.choice([0, 0.5]),
        "diversity": random.choice([0, 0.5]),
        "max_per_category": random.choice([None, 2]),
        "exclude": random.choice([None, [f"item-{random.randrange(ITEMS)}" for _ in range(9)]]),
        "explain": random.random() < 0.5,
    }
    return {name: value for name, value in asked.items() if value is not None}


async def answered(client: httpx.AsyncClient, user: str, query: dict[str, Any]) -> Sequence[Any]:
    path = f"/v1/users/{user}/recommendations"
    found = [(await client.get(path, params=query)).json()]
    if query["limit"] == 100:
        found = await pages(client, path, **query)
    return [{name: page[name] for name in page.keys() - VARYING} for page in found]


def recommendations_of(client: httpx.AsyncClient) -> Recommendations:
    found: Recommendations = client.services[Recommender].pipeline.recommendations  # type: ignore[attr-defined]
    return found


async def read(recommendations: Recommendations, run_id: RunId) -> tuple[ItemMemory, KeptItems]:
    """The memory of an app, and what it keeps once it has read it."""
    memory = recommendations._memory
    assert memory is not None
    assert memory.of(run_id) is None
    await memory.settle()
    kept = memory.at_hand(run_id)
    assert kept is not None
    return memory, kept


async def test_a_list_is_the_one_that_is_made_without_the_memory(
    start: Start, seeds: Seeds
) -> None:
    random = Random(0)
    run_id, item_nos = catalogue(seeds, random)
    for name, rules in RULES.items():
        seeds.placement(name, {"rules": rules})
    in_memory, without = await start(), await start()
    await send(without, *(event("cat", film, "like") for film in range(9)))
    memory, kept = await read(recommendations_of(in_memory), run_id)
    # What changes is not in what is kept, and has to be told with each list.
    memory.again_seconds = math.inf
    recommendations_of(without)._memory = None
    for _ in range(25):
        with seeds.engine.begin() as connection:
            statement = text(random.choice(HAPPENING))
            connection.execute(statement, {"no": random.choice(item_nos)})
        for user in ("ann", "bob"):
            query = asked(random)
            found = await answered(in_memory, user, query)
            assert found == await answered(without, user, query), (user, query)
    assert memory.at_hand(kept.run_id) is kept
