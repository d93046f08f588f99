"""Connections through PgBouncer in transaction mode: another session for every transaction."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.errors import StoreUnavailableError
from serving.postgres.connections import Connections
from serving.postgres.limits import PoolLimits
from serving.runtime.budget import Budget
from sql.engine import make_engine
from stack.local.servers.postgres import PostgresServer
from tests.pooler import Pooler, running_pooler
from tests.serving.conftest import Seeds, Start, counts, event, ids, recommended, send, until

LIMITS = PoolLimits(kept=4, overflow=0, waiting=40, statement_seconds=60, pooled=True)


@pytest.fixture(scope="module")
def one_pooler(postgres: PostgresServer, short_folder: Path) -> Iterator[Pooler]:
    with running_pooler(postgres, short_folder / "pooler") as pooler:
        yield pooler


@pytest.fixture
def pooler(one_pooler: Pooler) -> Iterator[Pooler]:
    yield one_pooler
    if one_pooler.process is None:
        one_pooler.start()


def budget(seconds: float = 60) -> Budget:
    return Budget.of("reads", seconds)


async def session_and_zone(connection: AsyncConnection) -> tuple[int, str]:
    # Long enough that who asks meanwhile gets the other session.
    query = text("select pg_backend_pid(), current_setting('timezone'), pg_sleep(0.05)")
    pid, zone, _ = (await connection.execute(query)).one()
    return int(pid), str(zone)


async def test_a_statement_asked_often_works_in_every_session_and_times_are_in_utc(
    pooler: Pooler, database_url: str, postgres: PostgresServer, database_name: str
) -> None:
    owner = make_engine(postgres.url(database_name))
    with owner.begin() as connection:
        connection.execute(text(f"alter database {database_name} set timezone to 'Asia/Tokyo'"))
    owner.dispose()
    connections = Connections.at(pooler.url(database_url), LIMITS)
    # psycopg prepares what is sent for the sixth time.
    asked = [connections.ask(session_and_zone, budget()) for _ in range(40)]
    seen = await asyncio.gather(*asked)
    await connections.close()
    assert len({session for session, _ in seen}) > 1, "they were not in several sessions"
    assert {zone for _, zone in seen} == {"UTC"}


def test_the_speed_workers_engine_works_in_every_session(pooler: Pooler, database_url: str) -> None:
    engine = make_engine(pooler.url(database_url), pooled=True, pool_size=2)
    with engine.connect() as first, engine.connect() as second:
        for _ in range(20):
            for connection in (first, second):
                with connection.begin():
                    zone = connection.execute(text("show timezone")).scalar_one()
                    assert zone == "UTC"
    engine.dispose()


async def test_a_statement_that_is_given_up_ends_in_postgresql_too(
    pooler: Pooler, database_url: str, engine: Engine
) -> None:
    connections = Connections.at(pooler.url(database_url), LIMITS)

    async def sleep(connection: AsyncConnection) -> None:
        await connection.execute(text("select pg_sleep(3600)"))

    async def is_over() -> bool:
        query = text(
            "select count(*) from pg_stat_activity where datname = current_database()"
            " and state = 'active' and query like 'select pg_sleep%'"
        )

        def count() -> int:
            with engine.connect() as connection:
                return int(connection.execute(query).scalar_one())

        return await asyncio.to_thread(count) == 0

    with pytest.raises(StoreUnavailableError):
        await connections.ask(sleep, budget(0.3))
    await until(is_over)
    await connections.ask(session_and_zone, budget())
    await connections.close()


async def test_events_count_and_change_lists_and_without_the_pooler_there_is_a_list(
    pooler: Pooler, start: Start, seeds: Seeds, database_url: str
) -> None:
    seeds.listed_user("ann", popular=range(10))
    client = await start(pooled_database_url=pooler.url(database_url))
    assert ids(await recommended(client, "ann", limit=20))[0] != "film-29"
    for film in range(3):
        assert counts(await send(client, event("ann", film))) == (1, 0)
        assert f"film-{film}" not in ids(await recommended(client, "ann", limit=20))
    pooler.kill()
    without = await recommended(client, "ann", limit=21)
    assert ids(without), "the fallback"
    assert (await send(client, event("ann", 4))).status_code == 503
    pooler.start()

    async def accepts() -> bool:
        return (await send(client, event("ann", 5))).status_code == 202

    await until(accepts)
    assert "film-5" not in ids(await recommended(client, "ann", limit=22))
