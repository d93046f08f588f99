"""Events when PostgreSQL fails, when too much comes at once, and when the caller goes away."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import orjson
import psutil
import pytest
from sqlalchemy import Engine, make_url, text

from sql.log import record_parameters
from sql.statements import statements
from stack.local.ports import free_port
from tests import events
from tests.serving.conftest import (
    Gate,
    OwnRedis,
    Seeds,
    Start,
    counts,
    event,
    happened,
    ids,
    recommended,
    send,
    until,
)
from tests.serving.process import serving, until_ready
from tests.toxic import toxic_postgres

READY = b"Z\x00\x00\x00\x05I"
"""What PostgreSQL says after a statement outside of a transaction: it is committed."""


@dataclass
class CuttingProxy:
    """Stands between the app and PostgreSQL; can cut a connection right after a commit."""

    socket: str
    cuts: int = 0
    """How many more commits nobody hears of."""
    drops: bytes = b"nothing of this"
    """A request with this ends its connection and does not arrive."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_unix_connection(self.socket)
        silent = asyncio.Event()
        ways = (
            self._requests(reader, far_writer, silent),
            self._answers(far_reader, writer, silent),
        )
        tasks = [asyncio.create_task(way) for way in ways]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            writer.close()
            far_writer.close()

    async def _requests(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, silent: asyncio.Event
    ) -> None:
        while data := await reader.read(1 << 20):
            if self.drops in data:
                return
            if self.cuts and b"from record_events(" in data:
                self.cuts -= 1
                silent.set()
            writer.write(data)
            await writer.drain()

    async def _answers(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, silent: asyncio.Event
    ) -> None:
        swallowed = b""
        while data := await reader.read(1 << 20):
            if silent.is_set():
                swallowed += data
                if swallowed.endswith(READY):
                    return
                continue
            writer.write(data)
            await writer.drain()


@dataclass
class Proxied:
    proxy: CuttingProxy
    url: str


@pytest.fixture
async def proxied(database_url: str) -> AsyncIterator[Proxied]:
    url = make_url(database_url)
    folder, port = url.query["host"], url.query["port"]
    proxy = CuttingProxy(f"{folder}/.s.PGSQL.{port}")
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    own = server.sockets[0].getsockname()[1]
    near = url.set(host="127.0.0.1", port=own).difference_update_query(["host", "port"])
    yield Proxied(proxy, near.render_as_string(hide_password=False))
    server.close()


async def test_a_commit_nobody_heard_of_is_answered_and_counts_once(
    start: Start, seeds: Seeds, proxied: Proxied
) -> None:
    client = await start(database_url=proxied.url)
    seeds.run(popular={"": [(no, 30.0 - n) for n, no in enumerate(seeds.film_nos)]})
    await send(client, event("ann", 9))
    assert "film-0" in ids(await recommended(client, "ann", limit=5))
    proxied.proxy.cuts = 1
    answer = await send(client, event("ann", 0), event("bob", 1))
    assert proxied.proxy.cuts == 0
    assert (answer.status_code, counts(answer)) == (202, (0, 2))
    assert seeds.count("interactions") == 3
    assert "film-0" not in ids(await recommended(client, "ann", limit=5))


async def test_a_commit_the_app_never_heard_of_counts_once_when_it_is_sent_again(
    start: Start, seeds: Seeds, proxied: Proxied
) -> None:
    client = await start(database_url=proxied.url)
    seeds.run(popular={"": [(no, 30.0 - n) for n, no in enumerate(seeds.film_nos)]})
    await send(client, event("ann", 9))
    await recommended(client, "ann", limit=5)
    batch = [event("ann", n, event_id=f"once-{n}") for n in range(3)]
    proxied.proxy.cuts = 2
    answer = await send(client, *batch)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert seeds.count("interactions") == 4, "though nobody knows"

    async def recorded() -> bool:
        again = await send(client, *batch)
        return again.status_code == 202 and counts(again) == (0, 3)

    await until(recorded)
    assert seeds.count("interactions") == 4
    assert ids(await recommended(client, "ann", limit=5))[0] == "film-3"


async def test_events_without_ids_are_answered_with_ids_that_make_a_retry_exact(
    start: Start, seeds: Seeds, proxied: Proxied
) -> None:
    client = await start(database_url=proxied.url)
    batch = [event("ann", 1), event("ann", 1), event("ann", 2, event_id="mine")]
    proxied.proxy.cuts = 2
    answer = await send(client, *batch)
    problem = answer.json()
    assert (answer.status_code, problem["type"]) == (
        503, "urn:tandem:problem:events-not-acknowledged",
    )  # fmt: skip
    assert "not known whether the events were recorded" in problem["detail"]
    assert problem["event_ids"][2] == "mine"
    assert seeds.count("interactions") == 3, "though nobody knows"
    again = [
        {**sent, "event_id": name} for sent, name in zip(batch, problem["event_ids"], strict=True)
    ]

    async def acknowledged() -> bool:
        answer = await send(client, *again)
        return answer.status_code == 202 and counts(answer) == (0, 3)

    await until(acknowledged)
    assert seeds.count("interactions") == 3
    assert await events_counted(client, "accepted") == await events_counted(client, "refused") == 0
    assert await events_counted(client, "unknown") == 3


async def test_events_recorded_that_others_could_not_be_told_of_are_counted_as_accepted_only(
    start: Start, seeds: Seeds, proxied: Proxied, own_redis: OwnRedis
) -> None:
    client = await start(database_url=proxied.url, redis_url=own_redis.url)
    await send(client, event("bob", 1))
    own_redis.kill()
    proxied.proxy.drops = b"tandem_exclusions"
    answer = await send(client, event("ann", 1), event("ann", 2))
    assert (answer.status_code, len(answer.json()["event_ids"])) == (503, 2)
    assert "are recorded" in answer.json()["detail"]
    assert seeds.count("interactions") == 3
    assert await events_counted(client, "accepted") == 3
    assert await events_counted(client, "refused") == await events_counted(client, "unknown") == 0


async def events_counted(client: httpx.AsyncClient, outcome: str) -> float:
    page = (await client.get("/metrics")).text
    (line,) = [
        line for line in page.splitlines() if f'serving_events_total{{outcome="{outcome}"}}' in line
    ]
    return float(line.split()[-1])


async def test_a_caller_who_goes_away_leaves_all_of_a_batch_or_nothing(
    client: httpx.AsyncClient, seeds: Seeds, engine: Engine
) -> None:
    batches = [
        [event(f"user-{n}", film, event_id=f"{n}-{film}") for film in range(30)] for n in range(30)
    ]
    await send(client, event("somebody", 1))
    for n, batch in enumerate(batches):
        post = asyncio.create_task(send(client, *batch))
        await asyncio.sleep(n * 0.003)
        post.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await post
    for batch in batches:
        await until_accepted(client, batch)
    with engine.connect() as connection:
        counts = connection.execute(
            text("select count(*), count(distinct item_no) from interactions group by user_no")
        ).all()
    assert sorted(map(tuple, counts)) == [(1, 1)] + [(30, 30)] * 30


async def until_accepted(client: httpx.AsyncClient, batch: list[dict[str, Any]]) -> None:
    """Send a batch until it is answered; what was stored of it before is all or nothing."""

    async def accepted() -> bool:
        answer = await send(client, *batch)
        if answer.status_code != 202:
            return False
        assert answer.json()["accepted"] in {0, len(batch)}
        return True

    await until(accepted)


async def test_bodies_beyond_the_limit_are_refused_at_once(start: Start, seeds: Seeds) -> None:
    client = await start(api_bodies_at_once=1)
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slowly() -> AsyncIterator[bytes]:
        body = orjson.dumps({"events": [event("ann", 1)]})
        yield body[:5]
        begun.set()
        await go_on.wait()
        yield body[5:]

    headers = {"Content-Type": "application/json"}
    first = asyncio.create_task(client.post("/v1/events", content=slowly(), headers=headers))
    await happened(begun)
    answer = await send(client, event("bob", 1))
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")
    assert answer.json()["type"] == "urn:tandem:problem:overloaded"
    assert (await client.get("/v1/popular")).status_code == 200
    go_on.set()
    assert (await first).status_code == 202
    assert (await send(client, event("ann", 2))).status_code == 202
    metrics = (await client.get("/metrics")).text
    assert 'serving_bodies_refused_total{reason="too_many"} 1.0' in metrics


async def test_bytes_beyond_the_limit_are_refused(start: Start) -> None:
    client = await start(api_bytes_at_once=1000)
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slowly() -> AsyncIterator[bytes]:
        begun.set()
        await go_on.wait()
        yield orjson.dumps({"events": [event("ann", 1)]})

    headers = {"Content-Type": "application/json"}
    first = asyncio.create_task(client.post("/v1/events", content=slowly(), headers=headers))
    await happened(begun)
    assert (await send(client, event("ann", 2))).status_code == 429
    go_on.set()
    assert (await first).status_code == 202


async def test_a_body_that_does_not_come_in_loses_its_slot(start: Start) -> None:
    client = await start(api_bodies_at_once=1, api_body_seconds=0.05)

    async def never() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.Event().wait()

    headers = {"Content-Type": "application/json"}
    answer = await client.post("/v1/events", content=never(), headers=headers)
    assert answer.status_code == 408
    assert (await send(client, event("ann", 2))).status_code == 202


async def test_events_refused_because_the_store_is_away_are_counted(
    client: httpx.AsyncClient, gate: Gate
) -> None:
    gate.shut()
    assert (await send(client, event("ann", 1), event("ann", 2))).status_code == 503
    metrics = (await client.get("/metrics")).text
    assert 'serving_events_total{outcome="refused"} 2.0' in metrics


def test_events_are_durable_even_where_the_database_says_otherwise(
    engine: Engine, film_nos: list[int]
) -> None:
    parameters = record_parameters([events.event("ann", film_nos[0])])
    for setting, applied in (("off", "on"), ("local", "local")):
        with engine.connect() as connection:
            connection.execute(text(f"set synchronous_commit = {setting}"))
            connection.commit()
            connection.execute(statements("log")["record_events"], parameters)
            assert connection.execute(text("show synchronous_commit")).scalar_one() == applied
            connection.commit()
            assert connection.execute(text("show synchronous_commit")).scalar_one() == setting


async def test_a_flood_of_events_at_a_frozen_database_is_refused_while_reads_are_answered(
    database_url: str, redis_url: str, seeds: Seeds, socket_folder: Path
) -> None:
    seeds.run(popular={"": [(no, 30.0 - n) for n, no in enumerate(seeds.film_nos)]})
    key, port = seeds.key("read", "write"), free_port()
    async with (
        toxic_postgres(socket_folder, database_url) as (proxy, url),
        httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}",
            headers={"X-API-Key": key},
            limits=httpx.Limits(max_connections=600),
            timeout=60,
        ) as client,
    ):
        settings = {
            "DATABASE_URL": url,
            "REDIS_URL": redis_url,
            "TANDEM_API_PORT": str(port),
            "TANDEM_API_WORKERS": "1",
            "TANDEM_WRITE_BUDGET_SECONDS": "1",
            "TANDEM_API_BODIES_AT_ONCE": "8",
        }
        with serving(socket_folder / "log", settings) as process:
            await until_ready(client)
            assert (await send(client, event("ann", 0))).status_code == 202
            proxy.freeze()
            flood, reads, growth = await flooded(client, process.pid)
            await proxy.heal()
            assert set(flood) <= {429, 503}
            assert flood.total() == 500
            assert set(reads) == {200}
            assert growth < 200_000_000
            assert seeds.count("interactions") >= 1

            async def taken_again() -> bool:
                return (await send(client, event("ann", 1))).status_code == 202

            await until(taken_again)


async def flooded(client: httpx.AsyncClient, pid: int) -> tuple[Counter[int], Counter[int], int]:
    """Post 500 batches of 1000 events at once, and read meanwhile; the growth is in bytes."""
    body = orjson.dumps({"events": [event(f"user-{n}", n % 30) for n in range(1000)]})
    headers = {"Content-Type": "application/json"}
    before = most = psutil.Process(pid).memory_info().rss
    posts = [
        asyncio.create_task(client.post("/v1/events", content=body, headers=headers))
        for _ in range(500)
    ]
    reads: Counter[int] = Counter()
    while not all(post.done() for post in posts) or not reads:
        reads[(await recommended(client, "ann", limit=5)).status_code] += 1
        most = max(most, psutil.Process(pid).memory_info().rss)
    return Counter([post.result().status_code for post in posts]), reads, most - before
