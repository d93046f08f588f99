"""Users whose events came past the API: with PostgreSQL slow but alive no list shows what they saw.

No process and no Redis knows them, so PostgreSQL is asked for that alone, with patience of its own.
"""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine

from tests.events import DISLIKE, record
from tests.events import event as loaded
from tests.serving.conftest import Gate, OwnRedis, Seeds, Start, ids, recommended, until
from tests.serving.fallback import publish_popular
from tests.toxic import Toxic, toxic_postgres

PATHS = {
    "recommendations": "/v1/users/ann/recommendations?limit=5",
    "popular": "/v1/popular?limit=5&user_id=ann",
    "starter": "/v1/starter?limit=5&user_id=ann",
    "similar": "/v1/similar?item_id=film-9&limit=5&user_id=ann",
    "search": "/v1/search?q=film&limit=5&user_id=ann&exclude_seen=true",
}
SLOW_SECONDS = 0.4
SETTINGS: dict[str, Any] = {
    "request_budget_seconds": 0.25,
    # The machine may be busy; what is tested is what is said, not how soon.
    "exclusions_patience_seconds": 30.0,
    "startup_wait_seconds": 30.0,
    "popular_refresh_seconds": 3600,
}


@pytest.fixture
async def slow_postgres(socket_folder: Path, database_url: str) -> AsyncIterator[tuple[Toxic, str]]:
    async with toxic_postgres(socket_folder, database_url) as proxy:
        yield proxy


def load_in_bulk(engine: Engine, film_nos: list[int], *users: str) -> None:
    """As the loader does: no process is notified."""
    with engine.begin() as connection:
        for user in users:
            record(connection, [loaded(user, film_nos[n]) for n in range(3)])
            record(connection, [loaded(user, film_nos[3], kind_no=DISLIKE)])


def shown(answer: httpx.Response) -> set[str]:
    return set(ids(answer)) & {f"film-{n}" for n in range(4)}


@pytest.mark.parametrize("name", PATHS)
async def test_a_slow_read_of_a_user_loaded_in_bulk_shows_nothing_seen(
    start: Start,
    seeds: Seeds,
    engine: Engine,
    slow_postgres: tuple[Toxic, str],
    name: str,
) -> None:
    publish_popular(seeds)
    proxy, url = slow_postgres
    client = await start(database_url=url, **SETTINGS)
    load_in_bulk(engine, seeds.film_nos, "ann")
    proxy.slow(SLOW_SECONDS)
    answer = await client.get(PATHS[name])
    assert answer.json()["strategy"] == "fallback", answer.text
    assert answer.json()["degraded"] is not None
    assert shown(answer) == set()
    assert answer.json()["exclusions"] == "known"


async def test_postgresql_left_alone_for_being_slow_is_still_asked_what_a_user_has_seen(
    start: Start, seeds: Seeds, engine: Engine, slow_postgres: tuple[Toxic, str]
) -> None:
    publish_popular(seeds)
    proxy, url = slow_postgres
    client = await start(database_url=url, **SETTINGS, breaker_errors_in_row=1)
    users = [f"user-{n}" for n in range(10)]
    load_in_bulk(engine, seeds.film_nos, *users)
    proxy.slow(SLOW_SECONDS)

    async def left_alone() -> bool:
        return (await recommended(client, "nobody")).json()["degraded"] == "postgres_open"

    await until(left_alone)
    for user in users:
        answer = await recommended(client, user, limit=5)
        assert (shown(answer), answer.json()["exclusions"]) == (set(), "known"), answer.text
    assert await unknown_answers(client) == 0


@pytest.mark.parametrize("name", PATHS)
async def test_with_postgresql_away_and_nothing_in_redis_the_answer_says_it_does_not_know(
    start: Start, seeds: Seeds, engine: Engine, gate: Gate, name: str
) -> None:
    publish_popular(seeds)
    client = await start(**SETTINGS)
    load_in_bulk(engine, seeds.film_nos, "ann")
    gate.shut()
    answer = await client.get(PATHS[name])
    assert answer.json()["exclusions"] == "unknown", answer.text
    assert len(ids(answer)) == 5
    assert await unknown_answers(client) == 1


async def test_an_event_alone_does_not_make_a_user_known(
    start: Start, seeds: Seeds, engine: Engine, gate: Gate
) -> None:
    """Redis holds the item of the event then, and nothing of what was loaded."""
    publish_popular(seeds)
    client = await start(**SETTINGS)
    load_in_bulk(engine, seeds.film_nos, "ann")
    event = {"user_id": "ann", "item_id": "film-5", "kind": "view"}
    assert (await client.post("/v1/events", json={"events": [event]})).status_code == 202
    gate.shut()
    answer = await recommended(client, "ann", limit=5)
    assert answer.json()["exclusions"] == "unknown"
    assert "film-5" not in ids(answer)


async def test_what_redis_holds_of_a_user_is_known_to_a_process_that_never_met_the_user(
    start: Start, seeds: Seeds, engine: Engine, gate: Gate
) -> None:
    publish_popular(seeds)
    here = await start(**(SETTINGS | {"request_budget_seconds": 20.0}))
    there = await start(**SETTINGS, exclusion_cache_poll_seconds=3600)
    load_in_bulk(engine, seeds.film_nos, "ann")
    assert (await recommended(here, "ann")).json()["exclusions"] == "known"
    gate.shut()
    answer = await recommended(there, "ann", limit=5)
    assert (answer.json()["strategy"], answer.json()["exclusions"]) == ("fallback", "known")
    assert shown(answer) == set()


async def test_what_only_a_process_has_cached_stays_out_and_the_answer_says_it_may_not_be_all(
    start: Start, seeds: Seeds, engine: Engine, gate: Gate, own_redis: OwnRedis
) -> None:
    publish_popular(seeds)
    client = await start(redis_url=own_redis.url, **(SETTINGS | {"request_budget_seconds": 20.0}))
    load_in_bulk(engine, seeds.film_nos, "ann")
    assert (await recommended(client, "ann")).json()["exclusions"] == "known"
    own_redis.kill()
    gate.shut()
    answer = await recommended(client, "ann", limit=5)
    assert answer.json()["exclusions"] == "unknown"
    assert shown(answer) == set()


async def test_a_list_for_nobody_says_nothing_of_exclusions(start: Start, seeds: Seeds) -> None:
    publish_popular(seeds)
    client = await start()
    for path in ("/v1/popular", "/v1/search?q=film", "/v1/items/film-1/similar"):
        assert (await client.get(path)).json()["exclusions"] is None
    assert (await recommended(client, "stranger")).json()["exclusions"] == "known"


async def unknown_answers(client: httpx.AsyncClient) -> float:
    """What the metric has counted."""
    metrics = (await client.get("/metrics")).text
    (line,) = (
        line for line in metrics.splitlines() if line.startswith("serving_exclusions_unknown_total")
    )
    return float(line.split()[-1])
