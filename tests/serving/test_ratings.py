"""Ratings come on any scale, and what each says of its item is stored with it."""

import asyncio
from typing import Any

import httpx
import pytest
from sqlalchemy import select, text

from tests import tables
from tests.serving.conftest import Seeds, counts, event, faults, send

LOGGED = """
select value, strength, least, greatest
from interactions left join rating_scales using (scale_no) order by item_no
"""


async def test_a_rating_is_stored_as_it_came_with_its_scale_and_what_it_says(
    client: httpx.AsyncClient, seeds: Seeds
) -> None:
    ratings = [
        event("ann", 1, "rate", value=4),
        event("ann", 2, "rate", value=10, scale="1:10"),
        event("ann", 3, "rate", value=2.5, scale="0.5:5"),
        event("ann", 4, "rate", value=-1, scale="-1:1"),
        event("ann", 5, "like"),
    ]
    assert (await send(client, *ratings)).status_code == 202
    assert [tuple(row) for row in seeds.write(text(LOGGED))] == [
        (4, 0.5, 1, 5),
        (10, 1, 1, 10),
        (2.5, 0, 0.5, 5),
        (-1, pytest.approx(-2 / 3), -1, 1),
        (None, None, None, None),
    ]


async def test_a_value_in_proportion_is_stored_with_what_it_makes_of_the_weight(
    client: httpx.AsyncClient, seeds: Seeds
) -> None:
    seeds.write(
        text(
            "update event_kinds set value_reference = 60, smallest_value = 0,"
            " greatest_value = 3600 where kind = 'view'"
        )
    )
    seen = [event("ann", 1, "view", value=90), event("ann", 2, "view", value=3600)]
    assert (await send(client, *seen)).status_code == 202
    found = seeds.write(text(LOGGED)).all()
    assert [(row.strength, row.least) for row in found] == [(1.5, None), (10, None)]


async def test_without_a_scale_that_of_the_kind_holds_as_it_is_just_then(
    client: httpx.AsyncClient, seeds: Seeds
) -> None:
    await send(client, event("ann", 1, "rate", value=5, event_id="before"))
    seeds.write(text("update event_kinds set greatest_value = 9 where kind = 'rate'"))
    await send(client, event("ann", 2, "rate", value=9, event_id="after"))
    assert [row.greatest for row in seeds.write(text(LOGGED))] == [5, 9], "each keeps its own"


async def test_usual_words_for_kinds_are_taken_and_those_of_no_taste_refused(
    client: httpx.AsyncClient, seeds: Seeds
) -> None:
    sent = [event("ann", 1, "addToCart"), event("ann", 2, "transaction"), event("ann", 3, "view")]
    assert (await send(client, *sent)).status_code == 202
    kinds = text("select kind from interactions join event_kinds using (kind_no) order by item_no")
    assert seeds.write(kinds).scalars().all() == ["cart", "purchase", "view"]
    refused = await send(client, event("ann", 4, "remove_from_cart"), event("ann", 5, "zorp"))
    found = faults(refused)
    assert "say nothing of taste" in found["/events/0/kind"]
    assert "There is no kind 'zorp'. Known kinds: cart" in found["/events/1/kind"]


def excluded(answer: httpx.Response) -> set[str]:
    listed = {item["item_id"] for item in answer.json()["items"]}
    return {f"film-{number}" for number in range(30)} - listed


async def test_the_lowest_ratings_are_dislikes_and_every_rating_marks_its_item_as_seen(
    client: httpx.AsyncClient, seeds: Seeds
) -> None:
    batch = [event("ann", number, "rate", value=number) for number in (1, 2, 5)]
    assert (await send(client, *batch)).status_code == 202
    own = seeds.write(
        text("select item_no, weight, marks_seen from weighed_interactions order by item_no")
    ).all()
    assert [row.weight for row in own] == [-2, 0, 3]
    assert all(row.marks_seen for row in own)
    shown = await client.get("/v1/users/ann/recommendations?limit=100")
    assert {"film-1", "film-2", "film-5"} <= excluded(shown)
    whatever = await client.get("/v1/users/ann/recommendations?limit=100&exclude_seen=false")
    assert excluded(whatever) & {"film-1", "film-2", "film-5"} == {"film-1"}


async def test_a_new_scale_that_many_name_at_once_is_stored_once(
    client: httpx.AsyncClient, seeds: Seeds
) -> None:
    batches = [event(f"user-{n}", n, "rate", value=7, scale="1:7") for n in range(10)]
    answers = await asyncio.gather(*(send(client, batch) for batch in batches))
    assert [counts(answer) for answer in answers] == [(1, 0)] * 10
    (scale,) = seeds.write(select(tables.rating_scales)).all()
    assert (scale.least, scale.greatest) == (1, 7)


async def test_a_scale_beyond_the_thousandth_is_refused_and_known_ones_are_not(
    client: httpx.AsyncClient, seeds: Seeds
) -> None:
    seeds.write(
        text(
            "insert into rating_scales (least, greatest)"
            " select 0, number from generate_series(1, 999) as number"
        )
    )

    def on(scale: str) -> dict[str, Any]:
        return event("ann", 1, "rate", value=1, scale=scale)

    assert (await send(client, on("-1:1"))).status_code == 202
    refused = await send(client, on("0:9"), on("-2:2"))
    assert refused.status_code == 422
    assert list(faults(refused)) == ["/events/1/scale"]
    assert "many different scales" in faults(refused)["/events/1/scale"]
    assert (await send(client, on("0:9"))).status_code == 202
    assert seeds.count("rating_scales") == 1000
    assert seeds.count("interactions") == 2
