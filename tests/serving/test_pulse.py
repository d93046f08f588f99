"""A slow PostgreSQL is waited for, one that shows no sign of life is not."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import text

from domain.errors import StoreUnavailableError
from serving.postgres.limits import StoreLimits
from serving.postgres.store import Store
from serving.runtime.budget import Budget, spending
from tests.toxic import Toxic, toxic_postgres

HOUR = 3600.0
SILENCE_SECONDS = 1.0
FOR_A_TEST_SECONDS = 60.0
SLEEP = text("select pg_sleep(:seconds)")


@dataclass
class Server:
    """A store on a database behind a proxy."""

    store: Store
    proxy: Toxic

    async def ask(self, seconds: float) -> str:
        """Sleep there with an hour's budget: what came of it."""
        with spending(Budget.of("reads", HOUR)):
            try:
                await self.store.rows(SLEEP, {"seconds": seconds})
            except StoreUnavailableError as error:
                return error.reason or ""
        return "well"


@pytest.fixture
async def server(socket_folder: Path, database_url: str) -> AsyncIterator[Server]:
    limits = StoreLimits(connections=1, read_seconds=HOUR, silence_seconds=SILENCE_SECONDS)
    async with toxic_postgres(socket_folder, database_url) as (proxy, url):
        store = Store.at(url, limits)
        await store.warm_up()
        yield Server(store, proxy)
        await proxy.heal()
        await store.close()


async def test_an_answer_that_takes_its_time_is_waited_for(server: Server) -> None:
    assert await server.ask(3 * SILENCE_SECONDS) == "well"


async def test_a_connection_is_waited_for_while_another_statement_takes_its_time(
    server: Server,
) -> None:
    asked = [server.ask(2 * SILENCE_SECONDS), server.ask(0)]
    assert await asyncio.gather(*asked) == ["well", "well"]


async def test_a_server_without_a_sign_of_life_is_given_up_long_before_the_budget_ends(
    server: Server,
) -> None:
    server.proxy.freeze()
    async with asyncio.timeout(FOR_A_TEST_SECONDS):
        asked = [server.ask(0), server.ask(0)]
        assert await asyncio.gather(*asked) == ["timeout", "busy"]


async def test_a_server_that_shows_no_more_signs_is_given_up_in_the_middle_of_an_answer(
    server: Server,
) -> None:
    asking = asyncio.create_task(server.ask(HOUR))
    await asyncio.wait({asking}, timeout=2 * SILENCE_SECONDS)
    assert not asking.done()
    server.proxy.freeze()
    async with asyncio.timeout(FOR_A_TEST_SECONDS):
        assert await asking == "timeout"
