"""What the driver answers past SQLAlchemy, with cursors that a connection keeps for statements."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from sql.driver_rows import ASKED_OFTEN, IN_BINARY, load_rows
from sql.engine import make_async_engine

OFTEN = {ASKED_OFTEN: True, IN_BINARY: True}
NUMBERS = text(
    "select cast(:first as integer) / cast(:second as integer) as share,"
    " cast(:more as integer[]) as more, pg_backend_pid() as backend"
).execution_options(**OFTEN)
OTHER = text("select cast(:name as text) as name").execution_options(**OFTEN)


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    engine = make_async_engine(
        database_url, application_name="tests", isolation_level="AUTOCOMMIT", pool_size=1
    )
    yield engine
    await engine.dispose()


async def numbers(
    engine: AsyncEngine, first: int | None, second: int, more: Sequence[int] | None = None
) -> Any:
    parameters = {"first": first, "second": second, "more": more}
    (row,) = await load_rows(engine, NUMBERS, parameters)
    return row


async def test_each_answer_is_that_of_its_parameters(engine: AsyncEngine) -> None:
    for first in (6, None, 2**31 - 1, 4):
        for more in (None, [], [1], [70_000, 2]):
            row = await numbers(engine, first, 2, more)
            assert row[:2] == (None if first is None else first // 2, more)
            (other,) = await load_rows(engine, OTHER, {"name": str(first)})
            assert other.name == str(first)


async def test_after_an_error_and_on_another_connection_it_answers_as_before(
    engine: AsyncEngine,
) -> None:
    before = await numbers(engine, 6, 2)
    with pytest.raises(DBAPIError, match="division by zero"):
        await numbers(engine, 6, 0)
    assert await numbers(engine, 6, 2) == before
    with pytest.raises(DBAPIError) as raised:
        await load_rows(engine, text("select pg_terminate_backend(pg_backend_pid())"), {})
    assert raised.value.connection_invalidated
    after = await numbers(engine, 8, 2)
    assert after.share == 4
    assert after.backend != before.backend
