"""Reading from a replica: a real one, which is held back, stopped and started."""

import re
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis
from sqlalchemy import Engine, text, update

from domain.identifiers import UserNo
from speed.answers import CachedAnswers
from stack.local.servers.postgres import PostgresServer
from tests import tables
from tests.replica import StreamingReplica, streaming_replica
from tests.serving.conftest import Gate, Seeds, Start, event, ids, recommended, send, until

# Generous: what a busy machine lets run out of time is asked of the primary.
SETTINGS: dict[str, Any] = {
    "replica_poll_seconds": 0.05,
    "redis_timeout_seconds": 1.0,
    "request_budget_seconds": 5.0,
    "postgres_silence_seconds": 5.0,
}


@pytest.fixture(scope="module")
def one_replica(postgres: PostgresServer, short_folder: Path) -> Iterator[StreamingReplica]:
    with streaming_replica(postgres, short_folder / "replica") as replica:
        yield replica


@pytest.fixture
def replica(one_replica: StreamingReplica) -> Iterator[StreamingReplica]:
    yield one_replica
    if one_replica.process is None:
        one_replica.start()
    one_replica.go_on()


@pytest.fixture
def ann(seeds: Seeds) -> int:
    """A user with films 0 to 4 in the batch list and vectors for 0 to 9."""
    user_no = seeds.user("ann")
    run_of(seeds, user_no, 0)
    return user_no


def run_of(seeds: Seeds, user_no: int, first: int) -> int:
    films = seeds.film_nos[first : first + 10]
    return seeds.run(
        batch={user_no: [(no, 10.0 - n) for n, no in enumerate(films[:5])]},
        vectors={no: (1.0, float(n)) for n, no in enumerate(films)},
        users={user_no: ((0.0, 1.0), 0)},
        popular={"": [(no, 10.0 - n) for n, no in enumerate(films)]},
    )


async def metric(client: httpx.AsyncClient, name: str) -> float:
    metrics_text = (await client.get("/metrics")).text
    found = re.search(rf"^{re.escape(name)} (\S+)$", metrics_text, re.MULTILINE)
    return float(found[1]) if found else 0.0


async def given(client: httpx.AsyncClient) -> float:
    return await metric(client, 'serving_replica_grants_total{outcome="given"}')


async def caught_up(client: httpx.AsyncClient, user: str = "ann") -> None:
    """Return when the replica is read for a user."""
    limits = iter(range(1, 100))

    async def read_there() -> bool:
        before = await given(client)
        # A list that is not cached.
        await recommended(client, user, limit=30 + next(limits))
        return await given(client) > before

    await until(read_there)


Read = Callable[..., Awaitable[httpx.AsyncClient]]


@pytest.fixture
def reading(start: Start, replica: StreamingReplica, database_url: str, ann: int) -> Read:
    """Starts an app that reads from the replica."""

    async def reading(**more: Any) -> httpx.AsyncClient:
        settings = {**SETTINGS, "read_database_url": replica.url(database_url), **more}
        client = await start(**settings)
        await caught_up(client)
        return client

    return reading


def title(answer: httpx.Response, film: int) -> str:
    (found,) = [
        item["title"] for item in answer.json()["items"] if item["item_id"] == f"film-{film}"
    ]
    return str(found)


def rename(seeds: Seeds, film: int, name: str) -> None:
    """What no cached answer is dropped for."""
    items = tables.items
    seeds.write(update(items).where(items.c.item_no == seeds.film_nos[film]).values(title=name))


async def test_lists_are_read_from_the_replica(
    reading: Read, seeds: Seeds, ann: int, replica: StreamingReplica
) -> None:
    client = await reading()
    replica.hold()
    rename(seeds, 0, "New name")
    for user in ("ann", "stranger"):
        assert title(await recommended(client, user, limit=8), 0) == "Film 0"
    assert title(await client.get("/v1/popular?limit=8"), 0) == "Film 0"
    replica.go_on()

    async def renamed() -> bool:
        return title(await client.get("/v1/popular?limit=8"), 0) == "New name"

    await until(renamed)


async def test_an_event_of_ones_own_counts_at_once_however_far_the_replica_lags(
    reading: Read, ann: int, replica: StreamingReplica
) -> None:
    client = await reading()
    other = await reading()
    replica.hold()
    assert "film-0" in ids(await recommended(client, "ann", limit=8))
    for film in (0, 3):
        assert (await send(client, event("ann", film))).status_code == 202
        for reader in (client, other):
            for limit in (7, 8, 8):
                answer = await recommended(reader, "ann", limit=limit)
                assert f"film-{film}" not in ids(answer)
                assert answer.json()["strategy"] == "blend"
    replica.go_on()
    await caught_up(client)
    assert not {"film-0", "film-3"} & set(ids(await recommended(client, "ann", limit=9)))


async def test_an_event_taken_back_no_longer_excludes_its_item_at_once(
    start: Start, ann: int, replica: StreamingReplica, database_url: str
) -> None:
    client = await start(**SETTINGS, read_database_url=replica.url(database_url))
    await send(client, event("ann", 0, event_id="view-1"))
    await caught_up(client)
    assert "film-0" not in ids(await recommended(client, "ann", limit=8))
    replica.hold()
    assert (await client.delete("/v1/events/view-1")).status_code == 200
    assert "film-0" in ids(await recommended(client, "ann", limit=8))


async def test_a_new_user_is_known_at_once(reading: Read, replica: StreamingReplica) -> None:
    client = await reading()
    replica.hold()
    assert "film-0" in ids(await recommended(client, "eve", limit=5))
    await send(client, event("eve", 0))
    assert "film-0" not in ids(await recommended(client, "eve", limit=5))


async def test_a_new_live_vector_counts_as_soon_as_the_speed_worker_has_dropped_the_answers(
    reading: Read, seeds: Seeds, ann: int, replica: StreamingReplica, redis_url: str
) -> None:
    client = await reading()
    replica.hold()
    await recommended(client, "ann", limit=8)
    vectors = tables.user_embeddings
    seeds.write(update(vectors).where(vectors.c.user_no == ann).values(events_since_cut_off=5))
    with redis.Redis.from_url(redis_url) as store:
        CachedAnswers(store).drop([UserNo(ann)])
    for _ in range(2):
        answer = (await recommended(client, "ann", limit=8)).json()
        assert answer["policy"]["events_since_cut_off"] == 5


async def test_a_promotion_is_followed_at_once_and_every_answer_comes_from_one_run(
    reading: Read, seeds: Seeds, ann: int, replica: StreamingReplica
) -> None:
    client = await reading()
    replica.hold()
    new = run_of(seeds, ann, 10)

    async def promoted() -> bool:
        answer = await recommended(client, "ann", limit=8)
        first = 10 if answer.json()["run"]["id"] == new else 0
        assert {int(item_id.removeprefix("film-")) for item_id in ids(answer)} <= set(
            range(first, first + 10)
        )
        assert answer.json()["strategy"] == "blend"
        return first == 10

    await until(promoted)
    replica.go_on()
    await caught_up(client)
    answer = await recommended(client, "ann", limit=9)
    assert (answer.json()["run"]["id"], answer.json()["strategy"]) == (new, "blend")


async def test_an_item_that_is_no_longer_available_is_shown_nowhere_at_once(
    reading: Read, ann: int, replica: StreamingReplica
) -> None:
    client = await reading()
    other = await reading()
    replica.hold()
    gone = {"title": "Film 0", "available": False}
    assert (await client.put("/v1/items/film-0", json=gone)).status_code == 200
    for reader in (client, other):
        for user in ("ann", "stranger"):
            assert "film-0" not in ids(await recommended(reader, user, limit=8))
        assert "film-0" not in ids(await reader.get("/v1/popular?limit=8"))


async def test_a_replica_that_lags_too_much_is_not_read_until_it_has_caught_up(
    reading: Read, seeds: Seeds, replica: StreamingReplica
) -> None:
    bound = 3.0
    client = await reading(replica_lag_seconds=bound)
    client.headers["X-API-Key"] = seeds.key("read", "admin", name="operator")
    assert (await finding(client))["severity"] == "ok"
    replica.hold()
    rename(seeds, 0, "New name")

    async def left() -> bool:
        return title(await client.get("/v1/popular?limit=8"), 0) == "New name"

    assert not await left(), "not before it lags too much"

    async def lagging() -> bool:
        return (await finding(client))["severity"] == "problem"

    await until(lagging)
    assert "The read replica lags" in (await finding(client))["what"]
    assert await metric(client, "serving_replica_lag_seconds") > bound
    assert await left()
    replica.go_on()
    await caught_up(client)


async def test_a_replica_that_is_gone_is_done_without_and_read_again_when_it_is_back(
    reading: Read, seeds: Seeds, replica: StreamingReplica
) -> None:
    client = await reading()
    client.headers["X-API-Key"] = seeds.key("read", "admin", name="operator")
    replica.stop()
    for limit in range(1, 9):
        answer = await recommended(client, "ann", limit=limit)
        assert answer.json()["strategy"] == "blend"

    async def is_reported() -> bool:
        return (await finding(client))["severity"] == "problem"

    await until(is_reported)
    assert "cannot be used" in (await finding(client))["what"]
    replica.start()
    await caught_up(client)
    assert (await finding(client))["severity"] == "ok"


async def test_with_the_primary_away_the_replica_still_answers(
    reading: Read, ann: int, replica: StreamingReplica, gate: Gate
) -> None:
    client = await reading()
    replica.hold()
    gate.shut()
    try:
        for limit in range(1, 9):
            answer = await recommended(client, "ann", limit=limit)
            assert answer.json()["strategy"] == "blend"
    finally:
        gate.open()


async def test_an_idle_primary_at_the_beginning_of_a_page_of_its_log_is_not_waited_for(
    reading: Read, engine: Engine
) -> None:
    client = await reading(impression_flush_seconds=3600)
    with engine.connect() as connection:
        connection.execute(text("select pg_switch_wal()"))
    since = await metric(client, "serving_replica_lag_seconds")
    looks = 0

    async def fresh() -> bool:
        nonlocal looks
        looks += 1
        return looks > 100 and await metric(client, "serving_replica_lag_seconds") < 1.0

    await until(fresh)
    assert since < 60


async def test_a_server_that_is_not_a_replica_is_not_read(
    start: Start, seeds: Seeds, ann: int, database_url: str
) -> None:
    client = await start(**SETTINGS, read_database_url=database_url)
    client.headers["X-API-Key"] = seeds.key("read", "admin", name="operator")

    async def is_reported() -> bool:
        return "it is not a replica" in (await finding(client))["what"]

    await until(is_reported)
    assert (await recommended(client, "ann", limit=8)).json()["strategy"] == "blend"
    assert await given(client) == 0


async def finding(client: httpx.AsyncClient) -> dict[str, Any]:
    findings = (await client.get("/v1/admin/diagnose")).json()["findings"]
    (found,) = [finding for finding in findings if finding["check"] == "replica"]
    return dict(found)
