"""Rows of one statement from the driver itself, past SQLAlchemy, which takes longer than psycopg.

The connection is one of the engine's pool, and errors are those that SQLAlchemy raises: whoever
asks cannot tell which way a statement went.
"""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import psycopg
from psycopg import AsyncConnection, AsyncRawCursor
from psycopg.rows import namedtuple_row
from sqlalchemy import PoolProxiedConnection, TextClause
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.util import greenlet_spawn

from sql.pipelining import numbered, wrapped

IN_BINARY = "rows_in_binary"
"""An execution option of statements whose rows are to come as binary, which are read faster.

A `real` then has all its digits as a Python number, and not the fewest that tell it from others."""

ASKED_OFTEN = "asked_often"
"""An execution option of statements that many requests send: a connection keeps the cursor of each
for the next time, as it knows how to write the parameters and to read the columns. It holds the
last answer too, so that should be small."""


async def load_rows(
    engine: AsyncEngine, statement: TextClause, parameters: Mapping[str, Any] | None
) -> Sequence[Any]:
    """The rows a statement answers, as named tuples; the engine's connections commit by themselves.

    DBAPIError, as SQLAlchemy raises it, with `connection_invalidated` where the connection is dead.
    """
    text, names = numbered(statement)
    given = parameters or {}
    pooled = await engine.raw_connection()
    try:
        return await _ask(pooled, statement, text, [given[name] for name in names])
    except psycopg.Error as error:
        driver = _driver_of(pooled)
        is_dead = driver.closed or driver.broken
        if is_dead:
            await greenlet_spawn(pooled.invalidate, error)
        raise wrapped(error, text, is_dead=is_dead) from error
    except BaseException:
        # Whoever gave up may have left an answer behind that is still to come.
        await greenlet_spawn(pooled.invalidate)
        raise
    finally:
        await greenlet_spawn(pooled.close)


async def _ask(
    pooled: PoolProxiedConnection, statement: TextClause, text: str, values: Sequence[Any]
) -> Sequence[Any]:
    options = statement.get_execution_options()
    cursor = _kept_cursor(pooled, text) if options.get(ASKED_OFTEN) else _new_cursor(pooled)
    await cursor.execute(text, values, binary=options.get(IN_BINARY, False))
    return await cursor.fetchall()


def _new_cursor(pooled: PoolProxiedConnection) -> AsyncRawCursor[Any]:
    return AsyncRawCursor(_driver_of(pooled), row_factory=namedtuple_row)


def _kept_cursor(pooled: PoolProxiedConnection, text: str) -> AsyncRawCursor[Any]:
    """The cursor of a connection for a statement, made when it is first asked for."""
    kept: AsyncRawCursor[Any] | None = pooled.info.get(text)
    if kept is None or kept.connection is not _driver_of(pooled):
        kept = pooled.info[text] = _new_cursor(pooled)
    return kept


def _driver_of(pooled: PoolProxiedConnection) -> AsyncConnection[Any]:
    return cast("AsyncConnection[Any]", pooled.driver_connection)
