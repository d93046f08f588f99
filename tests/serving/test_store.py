"""The way to PostgreSQL when it does not react."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text

from domain.errors import StoreUnavailableError
from serving.repositories.store import Store

GIVES_UP_BEFORE_SECONDS = 4.0
"""The driver alone waits at least five seconds for a cancelled statement to end."""


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[Store]:
    store = Store.at(database_url, connections=1, wait_seconds=0.2)
    yield store
    await store.close()


async def test_a_frozen_server_is_given_up_in_time_and_asked_again_later(store: Store) -> None:
    ask = text("select pg_backend_pid()")
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
                answer = await store.rows(ask)
            except StoreUnavailableError:
                continue
    assert len(answer) == 1
