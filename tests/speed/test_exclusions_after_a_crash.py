"""What a crash of PostgreSQL gives back is not what Redis says it knows."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
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
from sql.migrate import migrate
from stack.local.servers.postgres import PostgresServer, running_postgres
from tests.events import event, record, user_no_of
from tests.waiting import wait_until

SECONDS = 604_800


@pytest.fixture
def server(tmp_path: Path) -> Iterator[PostgresServer]:
    """A server of the test's own."""
    with running_postgres(tmp_path / "postgres", durable=False) as server:
        yield server


@pytest.fixture
def own_engine(server: PostgresServer) -> Iterator[Engine]:
    engine = make_engine(server.url("postgres"), pool_size=1, max_overflow=0)
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


@contextmanager
def before_a_crash(server: PostgresServer, engine: Engine) -> Iterator[None]:
    """Kill a session after the block, as the kernel does that has no memory.

    The server begins anew, without what was committed in the block and did not wait for the disk.
    """
    with psycopg.connect(server.url("postgres"), autocommit=True) as witness:
        writer = _asked(engine, "select pid from pg_stat_activity where backend_type = 'walwriter'")
        os.kill(writer, signal.SIGSTOP)
        try:
            yield
            os.kill(_asked(engine, "select pg_backend_pid()"), signal.SIGKILL)
            # All sessions are ended, and the writer is told to end, before the server begins anew.
            wait_until(lambda: not _answers(witness))
        finally:
            with suppress(ProcessLookupError):
                os.kill(writer, signal.SIGCONT)
    wait_until(lambda: _is_up(server))
    engine.dispose()


def _asked(engine: Engine, statement: str) -> int:
    with engine.connect() as connection:
        return int(connection.execute(text(statement)).scalar_one())


def _answers(connection: psycopg.Connection[Any]) -> bool:
    try:
        return connection.execute("select 1").fetchone() == (1,)
    except psycopg.OperationalError:
        return False


def _is_up(server: PostgresServer) -> bool:
    try:
        with psycopg.connect(server.url("postgres")) as connection:
            return _answers(connection)
    except psycopg.OperationalError:
        return False


def test_events_at_positions_that_a_crash_gave_back_are_stored(
    server: PostgresServer, own_engine: Engine, redis_url: str
) -> None:
    engine, client = own_engine, redis.Redis.from_url(redis_url)
    kept = KeptExclusions(engine, client, seconds=SECONDS, poll_seconds=0.0)
    work(kept)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        items = connection.execute(text("select item_no from items order by 1")).scalars().all()
        connection.execute(text("checkpoint"))
    with before_a_crash(server, engine):
        with engine.begin() as connection:
            record(connection, [event("ann", item_no) for item_no in items])
            connection.execute(text("set local synchronous_commit = off"))
        known = _asked(engine, "select event_horizon()")
        work(kept)
        assert client.exists(exclusions_key(UserId("ann")))
    with engine.begin() as connection:
        assert not connection.execute(text("select count(*) from interactions")).scalar_one()
        record(connection, [event("ben", items[0])])
        ben = user_no_of(connection, "ben")
    assert _asked(engine, "select event_horizon()") < known, "the positions are given anew"
    work(kept)
    packed = client.get(exclusions_key(UserId("ben")))
    assert packed is not None
    assert unpacked_numbers(packed) == (ben, items[0])
