"""The way to PostgreSQL when it does not react, or too much is asked of it."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from domain.errors import StoreUnavailableError
from serving.postgres.limits import StoreLimits
from serving.postgres.store import Store
from serving.runtime.breaker import Breaker, BreakerRules
from serving.runtime.budget import Budget, Lane, spending

GIVES_UP_BEFORE_SECONDS = 4.0
"""The driver alone waits at least five seconds for a cancelled statement to end."""


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[Store]:
    store = Store.at(database_url, StoreLimits(background_connections=1, wait_seconds=0.2))
    yield store
    await store.close()


async def test_a_frozen_server_is_given_up_in_time_and_asked_again_later(store: Store) -> None:
    ask = text("select pg_backend_pid()")
    # To connect takes a busy machine longer than the time that is tested.
    with spending(Budget.of("background", 30.0)):
        ((pid,),) = await store.rows(ask)
    os.kill(pid, signal.SIGSTOP)
    try:
        with pytest.raises(StoreUnavailableError):
            await asyncio.wait_for(store.rows(ask), GIVES_UP_BEFORE_SECONDS)
    finally:
        os.kill(pid, signal.SIGCONT)
    answer = None
    async with asyncio.timeout(30):
        while answer is None:
            try:
                with spending(Budget.of("background", 10.0)):
                    answer = await store.rows(ask)
            except StoreUnavailableError:
                continue
    assert len(answer) == 1


LIMITS = StoreLimits(
    connections=2, write_connections=1, waiting=3, read_seconds=0.5, write_seconds=0.5
)
SLEEP = text("select pg_sleep(:seconds)")
CAREFUL = BreakerRules(errors_in_row=3)

Make = Callable[[StoreLimits], Store]


@pytest.fixture
async def make(database_url: str) -> AsyncIterator[Make]:
    """Makes stores on the test's database."""
    made: list[Store] = []

    def make(limits: StoreLimits) -> Store:
        made.append(Store.at(database_url, limits, Breaker(CAREFUL)))
        return made[-1]

    yield make
    for store in made:
        await store.close()


async def ask(store: Store, lane: Lane, sleep: float = 0.0, budget: float = 10.0) -> str:
    """One statement; "well", or why there was no answer."""
    with spending(Budget.of(lane, budget)):
        try:
            await store.rows(SLEEP, {"seconds": sleep})
        except StoreUnavailableError as error:
            return error.reason
    return "well"


def connections(engine: Engine) -> int:
    with engine.connect() as connection:
        counted = text("select count(*) from pg_stat_activity where datname = current_database()")
        return int(connection.execute(counted).scalar_one())


async def asleep(engine: Engine, count: int) -> None:
    """Return when so many statements of this test are under way."""
    counted = text(
        "select count(*) from pg_stat_activity"
        " where datname = current_database() and state = 'active' and wait_event = 'PgSleep'"
    )
    async with asyncio.timeout(30):
        while True:
            with engine.connect() as connection:
                if connection.execute(counted).scalar_one() == count:
                    return
            await asyncio.sleep(0.02)


async def test_reads_that_take_all_their_connections_leave_writes_theirs(
    make: Make, engine: Engine
) -> None:
    store = make(StoreLimits(connections=2, read_seconds=30))
    reads = [asyncio.create_task(ask(store, "reads", 20, 30)) for _ in range(2)]
    await asleep(engine, 2)
    assert await ask(store, "reads", budget=0.3) == "busy"
    assert await ask(store, "writes") == "well"
    assert await ask(store, "background") == "well"
    for read in reads:
        read.cancel()
    await asyncio.gather(*reads, return_exceptions=True)


async def test_a_flood_is_refused_at_once_and_opens_no_breaker(make: Make, engine: Engine) -> None:
    store = make(StoreLimits(connections=2, waiting=3, read_seconds=30))
    flood = [asyncio.create_task(ask(store, "reads", 0.5)) for _ in range(50)]
    outcomes = [await answer for answer in asyncio.as_completed(flood)]
    assert outcomes == ["busy"] * 45 + ["well"] * 5, "two at work and three waiting"
    assert connections(engine) <= 1 + 2
    assert store.breaker.state == "closed"


async def test_a_statement_at_fault_says_nothing_against_the_server(make: Make) -> None:
    store = make(LIMITS)
    for _ in range(2 * CAREFUL.errors_in_row):
        with pytest.raises(DBAPIError):
            await store.rows(text("select 1 / 0"))
        with pytest.raises(DBAPIError):
            await store.rows(text("insert into items (item_id) values (null)"))
        # The driver tells this as it tells a lost connection.
        with pytest.raises(StoreUnavailableError) as refused:
            await store.rows(text("select cast(repeat('a', 3000) as tsquery)"))
        assert refused.value.reason == "statement"
    assert store.breaker.state == "closed"
    assert await ask(store, "reads") == "well"


async def test_late_answers_open_the_breaker_and_a_probe_ends_that(make: Make) -> None:
    store = make(LIMITS)
    for _ in range(CAREFUL.errors_in_row):
        assert await ask(store, "reads", sleep=5, budget=1.0) == "timeout"
    assert await ask(store, "writes") == "open"
    for _ in range(CAREFUL.trial_successes):
        await store.probe()
    assert await ask(store, "writes") == "well"


async def test_little_time_left_says_nothing_against_the_server(make: Make) -> None:
    store = make(LIMITS)
    for _ in range(2 * CAREFUL.errors_in_row):
        assert await ask(store, "reads", sleep=0.3, budget=0.02) != "well"
    assert store.breaker.state == "closed"


async def test_much_that_is_asked_at_once_says_nothing_against_the_server(make: Make) -> None:
    store = make(replace(LIMITS, wait_seconds=0.2))
    for _ in range(2 * CAREFUL.errors_in_row):
        with (
            spending(Budget.of("background", 5.0, counts_as_failure=False)),
            pytest.raises(StoreUnavailableError) as late,
        ):
            await store.rows(SLEEP, {"seconds": 5})
        assert late.value.reason == "timeout"
    assert store.breaker.state == "closed"


async def test_what_was_given_up_ends_on_the_server_and_its_connection_is_used_again(
    make: Make, engine: Engine
) -> None:
    store = make(LIMITS)
    for _ in range(2):
        assert await ask(store, "reads", sleep=60, budget=0.1) == "timeout"
    await asleep(engine, 0)
    assert await ask(store, "reads") == "well"
    assert connections(engine) <= 1 + 2
