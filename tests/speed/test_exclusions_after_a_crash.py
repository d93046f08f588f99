"""What a crash of PostgreSQL gives back is not what Redis says it knows."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis
from sqlalchemy import Engine, text

from domain.identifiers import UserId
from domain.redis_keys import exclusions_key, unpacked_numbers
from speed.exclusions import KeptExclusions
from sql.engine import make_engine
from sql.log import event_horizon
from sql.migrate import migrate
from stack.local.servers.postgres import PostgresServer, running_postgres
from tests.events import event, record, user_no_of
from tests.waiting import wait_until

SECONDS = 604_800


@pytest.fixture
def server(tmp_path: Path) -> Iterator[PostgresServer]:
    """A server of the test's own, which writes its log when it has to."""
    with running_postgres(tmp_path / "postgres", durable=False) as server:
        with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
            connection.execute("alter system set wal_writer_delay = '10s'")
            connection.execute("select pg_reload_conf()")
        yield server


@pytest.fixture
def own_engine(server: PostgresServer) -> Iterator[Engine]:
    engine = make_engine(server.url("postgres"), pool_size=1, max_overflow=0, pool_pre_ping=True)
    migrate(engine)
    with engine.begin() as connection:
        connection.execute(
            text("insert into items (item_id, title) select n, n from generate_series(1, 60) as n")
        )
    yield engine
    engine.dispose()


def work(kept: KeptExclusions) -> None:
    while kept.work_once() is not None:
        pass


def crash(server: PostgresServer, engine: Engine) -> None:
    """Kill a session as the kernel does that has no memory; the server then begins anew."""

    def answers(connection: psycopg.Connection[Any]) -> bool:
        try:
            return connection.execute("select 1").fetchone() == (1,)
        except psycopg.OperationalError:
            return False

    def is_up() -> bool:
        try:
            with psycopg.connect(server.url("postgres")) as connection:
                return answers(connection)
        except psycopg.OperationalError:
            return False

    with psycopg.connect(server.url("postgres"), autocommit=True) as witness:
        with engine.connect() as connection:
            pid = connection.execute(text("select pg_backend_pid()")).scalar_one()
            os.kill(pid, signal.SIGKILL)
            connection.invalidate()
        # The server ends all its sessions before it begins anew.
        wait_until(lambda: not answers(witness))
    wait_until(is_up)


def test_events_at_positions_that_a_crash_gave_back_are_stored(
    server: PostgresServer, own_engine: Engine, redis_url: str
) -> None:
    engine, client = own_engine, redis.Redis.from_url(redis_url)
    kept = KeptExclusions(engine, client, seconds=SECONDS, poll_seconds=0.0)
    work(kept)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        items = connection.execute(text("select item_no from items order by 1")).scalars().all()
        connection.execute(text("checkpoint"))
    with engine.begin() as connection:
        record(connection, [event("ann", item_no) for item_no in items])
        connection.execute(text("set local synchronous_commit = off"))
    with engine.connect() as connection:
        known = event_horizon(connection)
    work(kept)
    assert client.exists(exclusions_key(UserId("ann")))
    crash(server, engine)
    with engine.begin() as connection:
        assert not connection.execute(text("select count(*) from interactions")).scalar_one()
        record(connection, [event("ben", items[0])])
        ben = user_no_of(connection, "ben")
    with engine.connect() as connection:
        assert event_horizon(connection) < known, "the positions are given anew"
    work(kept)
    packed = client.get(exclusions_key(UserId("ben")))
    assert packed is not None
    assert unpacked_numbers(packed) == (ben, items[0])
