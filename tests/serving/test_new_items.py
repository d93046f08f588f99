"""New items get positions in lists, so that they become known."""

import json

import httpx
import pytest
from sqlalchemy import Engine, insert, select, text, update

from tests import tables
from tests.serving.conftest import Seeds, Start, event, ids, recommended, send, until

KNOWN, NEW = range(20), range(20, 28)


@pytest.fixture
def ann(seeds: Seeds, engine: Engine) -> int:
    """A user of a run with twenty known films, the nearest first, and eight new ones far off."""
    f = seeds.film_nos
    ann = seeds.user("ann")
    vectors = {f[n]: (1.0 - n / 100, 0.1, 0.0, 0.0) for n in (*KNOWN, *NEW)}
    seeds.run(vectors=vectors, users={ann: ((1.0, 0.0, 0.0, 0.0), 1)})
    known = tables.item_embeddings.c.item_no.in_([f[n] for n in KNOWN])
    seeds.write(update(tables.item_embeddings).where(known).values(users=50))
    with engine.begin() as connection:
        connection.execute(text("analyze"))
    return ann


def explored(answer: httpx.Response) -> dict[int, str]:
    assert answer.status_code == 200, answer.text
    items = answer.json()["items"]
    return {index: item["item_id"] for index, item in enumerate(items) if item["explored"]}


async def test_half_the_positions_may_be_explored_and_never_the_first_two(
    client: httpx.AsyncClient, ann: int
) -> None:
    answer = await recommended(client, "ann", limit=10, explore=0.5)
    found = explored(answer)
    assert 4 <= len(found) <= 5
    assert min(found) >= 2
    assert set(found.values()) <= {f"film-{n}" for n in NEW}
    others = [i["item_id"] for i in answer.json()["items"] if not i["explored"]]
    assert others == [f"film-{n}" for n in range(10 - len(found))]
    assert len(set(ids(answer))) == 10


async def test_a_list_stays_the_same_within_an_hour_and_its_beginning_too(
    client: httpx.AsyncClient, start: Start, ann: int
) -> None:
    longer = ids(await recommended(client, "ann", limit=10, explore=0.4))
    other = await start(redis_url="unix:///nowhere.sock")
    for limit in (10, 7, 3):
        again = ids(await recommended(other, "ann", limit=limit, explore=0.4))
        # Unless the hour has just turned.
        assert again == longer[:limit] or (
            ids(await recommended(other, "ann", limit=10, explore=0.4)) != longer
        )


async def test_without_a_share_nothing_is_explored_and_the_default_is_one_in_twenty(
    start: Start, seeds: Seeds, ann: int
) -> None:
    client = await start(redis_url="unix:///nowhere.sock")
    assert explored(await recommended(client, "ann", limit=15, explore=0)) == {}
    assert len(explored(await recommended(client, "ann", limit=15))) <= 1
    never = await start(exploration_share=0.0)
    assert explored(await recommended(never, "ann", limit=15)) == {}


async def test_seen_and_unavailable_new_items_are_not_explored(
    client: httpx.AsyncClient, seeds: Seeds, ann: int
) -> None:
    await send(client, event("ann", 20), event("ann", 21, "hide"))
    seeds.hide_item(22)
    found = explored(await recommended(client, "ann", limit=18, explore=0.5))
    assert set(found.values()) <= {f"film-{n}" for n in range(23, 28)}
    assert len(found) == 5


async def test_where_all_items_are_new_none_is_explored(
    client: httpx.AsyncClient, seeds: Seeds, ann: int
) -> None:
    seeds.write(update(tables.item_embeddings).values(users=0))
    assert explored(await recommended(client, "ann", limit=10, explore=0.5)) == {}


async def test_where_no_item_is_new_none_is_explored(
    client: httpx.AsyncClient, seeds: Seeds, ann: int
) -> None:
    seeds.write(update(tables.item_embeddings).values(users=5))
    answer = await recommended(client, "ann", limit=10, explore=0.5)
    assert ids(answer) == [f"film-{n}" for n in range(10)]
    assert explored(answer) == {}


async def test_what_is_new_is_a_setting(start: Start, seeds: Seeds, ann: int) -> None:
    seeds.write(
        update(tables.item_embeddings).where(tables.item_embeddings.c.users == 0).values(users=7)
    )
    usual, other = await start(), await start(new_item_users=8)
    assert explored(await recommended(usual, "ann", limit=10, explore=0.5)) == {}
    assert explored(await recommended(other, "ann", limit=9, explore=0.5)) != {}


async def test_new_items_keep_to_the_filters(
    client: httpx.AsyncClient, seeds: Seeds, ann: int
) -> None:
    for film in (*range(15), 25, 26):
        body = {"title": f"Film {film}", "categories": ["war"]}
        await client.put(f"/v1/items/film-{film}", json=body)
    answer = await recommended(client, "ann", limit=10, explore=0.5, category="war")
    assert set(explored(answer).values()) == {"film-25", "film-26"}
    without = await recommended(client, "ann", limit=8, explore=0.5, exclude_category="war")
    assert "film-25" not in ids(without)


async def test_users_without_a_live_vector_are_shown_no_explored_items(
    client: httpx.AsyncClient, ann: int
) -> None:
    assert explored(await recommended(client, "nobody", limit=10, explore=0.5)) == {}


async def test_impressions_and_analysts_know_what_was_explored(
    client: httpx.AsyncClient, seeds: Seeds, engine: Engine, ann: int
) -> None:
    answer = await recommended(client, "ann", limit=10, explore=0.5)
    films = set(explored(answer).values())

    async def is_written() -> bool:
        return seeds.count("impressions") == 1

    await until(is_written)
    row = seeds.write(select(tables.impressions)).one()
    assert {f"film-{seeds.film_nos.index(no)}" for no in row.explored} == films
    assert set(row.explored) <= set(row.item_nos)
    taken = int(min(films).removeprefix("film-"))
    assert (await send(client, event("ann", taken, "like"))).status_code == 202
    with engine.connect() as connection:
        explored_items = connection.execute(text("select * from analytics.explored_items")).all()
    assert {item.item_id for item in explored_items} == films
    assert {item.item_id for item in explored_items if item.taken == 1} == {f"film-{taken}"}
    assert all(item.shown == item.users == 1 for item in explored_items)


async def test_a_share_that_makes_no_sense_is_refused(
    client: httpx.AsyncClient, subtests: pytest.Subtests
) -> None:
    for explore in ("-0.1", "0.6", "nan", "much"):
        with subtests.test(explore=explore):
            answer = await recommended(client, "ann", explore=explore)
            assert answer.status_code == 422
            assert json.loads(answer.content)["errors"][0]["pointer"] == "query:explore"


async def test_a_long_list_has_its_share_of_new_items_and_begins_as_a_shorter_one(
    client: httpx.AsyncClient, seeds: Seeds, engine: Engine
) -> None:
    rows = [{"item_id": f"new-{n}", "title": f"New {n}"} for n in range(80)]
    rows += [{"item_id": f"known-{n}", "title": f"Known {n}"} for n in range(100)]
    with engine.begin() as connection:
        made = connection.execute(
            insert(tables.items).returning(tables.items.c.item_no, tables.items.c.item_id), rows
        )
        vectors = {
            no: (0.1 if name.startswith("new") else 1.0, no / 1000, 0.0, 0.0) for no, name in made
        }
    seeds.run(vectors=vectors, users={seeds.user("ann"): ((1.0, 0.0, 0.0, 0.0), 1)})
    known = text(
        "update item_embeddings set users = 50 from items"
        " where items.item_no = item_embeddings.item_no and item_id like 'known-%'"
    )
    seeds.write(known)
    longer = await recommended(client, "ann", limit=100, explore=0.5, diversity=0)
    assert 48 <= len(explored(longer)) <= 50
    assert len(set(ids(longer))) == 100
    shorter = await recommended(client, "ann", limit=20, explore=0.5, diversity=0)
    # Unless the hour has just turned.
    again = await recommended(client, "ann", limit=100, explore=0.5, diversity=0)
    assert ids(shorter) == ids(longer)[:20] or ids(again) != ids(longer)


async def test_items_without_a_word_are_not_explored(
    client: httpx.AsyncClient, seeds: Seeds, ann: int
) -> None:
    items = tables.items
    for film, title in ((20, "…"), (21, "🙂"), (22, "!")):
        seeds.write(
            update(items).where(items.c.item_no == seeds.film_nos[film]).values(title=title)
        )
    found = explored(await recommended(client, "ann", limit=18, explore=0.5))
    assert set(found.values()) <= {f"film-{n}" for n in range(23, 28)}
    assert found
