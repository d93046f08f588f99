"""Users the log has never seen share one list, until the moment they are known."""

import asyncio
from functools import partial
from pathlib import Path

import httpx
import pytest
from sqlalchemy import Engine, text

from loading.load import load
from serving.candidates import users
from tests.serving.conftest import Gate, Seeds, Start, event, ids, recommended, send, until


async def source(client: httpx.AsyncClient, user: str, **query: object) -> str:
    return str((await recommended(client, user, **query)).json()["source"])


async def kept(client: httpx.AsyncClient, **query: object) -> bool:
    return await source(client, "whoever", **query) == "cache"


async def test_all_strangers_are_given_one_list_that_is_made_once(
    start: Start, seeds: Seeds
) -> None:
    seeds.listed_user("ann", popular=range(30))
    client = await start()
    first = await recommended(client, "stranger")
    await until(lambda: kept(client))
    again = [await recommended(client, f"stranger-{n}") for n in range(5)]
    assert first.json()["source"] == "popular"
    # Each is asked once. A Redis that takes its time on a busy machine may cost one the list.
    assert [answer.json()["source"] for answer in again].count("cache") >= 4
    assert {answer.json()["strategy"] for answer in again} == {"popular"}
    assert [ids(answer) for answer in again] == [ids(first)] * 5
    assert len({answer.json()["recommendation_id"] for answer in again}) == 5
    second_client = await start()
    assert await source(second_client, "stranger") == "cache"


async def test_each_way_of_asking_has_a_list_of_its_own(start: Start, seeds: Seeds) -> None:
    seeds.listed_user("ann", popular=range(30))
    client = await start()
    for query in ({"limit": 3}, {"limit": 4}, {"category": "drama"}, {"explain": True}):
        assert await source(client, "stranger", **query) == "popular", query
        await until(partial(kept, client, **query))


async def test_with_the_first_event_the_list_is_personal_at_once(
    start: Start, seeds: Seeds
) -> None:
    seeds.listed_user("ann", popular=range(30))
    client = await start()
    for user in ("stranger", "another"):
        assert "film-0" in ids(await recommended(client, user, limit=5))
    await until(lambda: kept(client, limit=5))
    assert (await send(client, event("stranger", 0))).status_code == 202
    personal = await recommended(client, "stranger", limit=5)
    assert "film-0" not in ids(personal)
    assert personal.json()["source"] != "cache"
    others = await recommended(client, "another", limit=5)
    assert (others.json()["source"], ids(others)[0]) == ("cache", "film-0")


async def test_with_another_run_strangers_have_its_list_and_without_an_item_none_shows_it(
    start: Start, seeds: Seeds
) -> None:
    f = seeds.film_nos
    seeds.run(popular={"": [(f[n], 30.0 - n) for n in range(30)]})
    client = await start()
    assert ids(await recommended(client, "stranger", limit=2)) == ["film-0", "film-1"]
    newer = seeds.run(popular={"": [(f[29 - n], 30.0 - n) for n in range(30)]})

    async def promoted() -> bool:
        answer = await recommended(client, "another", limit=2)
        return bool(answer.json()["run"]["id"] == newer)

    await until(promoted)
    assert ids(await recommended(client, "stranger", limit=2)) == ["film-29", "film-28"]
    gone = {"title": "Gone", "available": False}
    assert (await client.put("/v1/items/film-29", json=gone)).status_code == 200
    assert ids(await recommended(client, "stranger", limit=2)) == ["film-28", "film-27"]


async def test_a_list_that_is_less_than_it_might_have_been_is_not_kept(
    start: Start, seeds: Seeds, engine: Engine, gate: Gate
) -> None:
    seeds.listed_user("ann", popular=range(30))
    client = await start(request_budget_seconds=2.0)
    with engine.connect() as connection:
        connection.execute(text("lock table popular_items in access exclusive mode"))
        less = await recommended(client, "stranger")
        connection.rollback()
    assert less.json()["degraded"] is not None
    whole = await recommended(client, "stranger")
    assert (whole.json()["source"], whole.json()["degraded"]) == ("popular", None)


async def test_whom_a_load_brings_is_no_stranger_from_then_on(
    start: Start,
    seeds: Seeds,
    database_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # By itself nobody looks for a stranger again.
    monkeypatch.setattr(users, "_UNKNOWN_SECONDS", 3600.0)
    seeds.listed_user("ann", popular=range(30))
    client = await start()
    assert "film-0" in ids(await recommended(client, "stranger", limit=5))
    await until(lambda: kept(client, limit=5))
    assert await source(client, "stranger", limit=5) == "cache"
    log = tmp_path / "log.csv"
    log.write_text("user_id,item_id,timestamp\nstranger,film-0,2026-01-02T03:04:05Z\n")
    await asyncio.to_thread(load, [str(log)], database_url)

    async def is_known() -> bool:
        return "film-0" not in ids(await recommended(client, "stranger", limit=5))

    await until(is_known)
