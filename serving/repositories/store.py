"""One way to PostgreSQL: statements in, rows out, and one error when it is away."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from sqlalchemy import Connection, Row, TextClause
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.errors import StoreUnavailableError
from sql.engine import AWAY_ERRORS, make_async_engine

Answer = TypeVar("Answer")

_GIVE_UP_SECONDS = 0.5
"""A server that is well takes less to give up a statement."""


class Store:
    """The database, one statement at a time: each is a transaction of its own."""

    def __init__(self, engine: AsyncEngine, *, wait_seconds: float) -> None:
        self._engine = engine
        self._wait_seconds = wait_seconds
        self._given_up: set[asyncio.Task[Any]] = set()

    @classmethod
    def at(cls, database_url: str, *, connections: int, wait_seconds: float) -> "Store":
        """A store on a pool of so many connections; nothing is opened yet."""
        engine = make_async_engine(
            database_url,
            # A single statement needs no BEGIN and no ROLLBACK, which are round trips.
            isolation_level="AUTOCOMMIT",
            pool_size=connections,
            max_overflow=0,
            pool_timeout=wait_seconds,
            hide_parameters=True,
        )
        return cls(engine, wait_seconds=wait_seconds)

    async def rows(
        self, statement: TextClause, parameters: Mapping[str, Any] | None = None
    ) -> Sequence[Row[Any]]:
        """The rows a statement answers; StoreUnavailableError when the database is away.

        A statement whose connection turns out to be dead is sent once more, so it must be harmless
        twice.
        """
        return await self._twice(lambda: self._rows(statement, parameters))

    async def prepared_rows(
        self,
        preparation: TextClause,
        statement: TextClause,
        parameters: Mapping[str, Any] | None = None,
    ) -> Sequence[Row[Any]]:
        """The same after a preparation in one transaction, which changes nothing in the store."""
        return await self._twice(lambda: self._prepared_rows(preparation, statement, parameters))

    async def read(self, reader: Callable[[Connection], Answer]) -> Answer:
        """What a reader of `sql` finds; it reads several times and must be harmless twice."""
        return await self._twice(lambda: self._read(reader))

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[AsyncConnection]:
        """A connection for more than one statement, with the same error when it is away."""
        try:
            async with asyncio.timeout(self._wait_seconds), self._engine.connect() as connection:
                yield connection
        except AWAY_ERRORS as error:
            raise StoreUnavailableError from error

    async def close(self) -> None:
        """Close all connections."""
        await self._engine.dispose()

    async def _rows(
        self, statement: TextClause, parameters: Mapping[str, Any] | None
    ) -> Sequence[Row[Any]]:
        async with self.connection() as connection:
            return (await connection.execute(statement, parameters)).all()

    async def _prepared_rows(
        self, preparation: TextClause, statement: TextClause, parameters: Mapping[str, Any] | None
    ) -> Sequence[Row[Any]]:
        async with self.connection() as connection:
            await connection.execution_options(isolation_level="READ COMMITTED")
            await connection.execute(preparation)
            return (await connection.execute(statement, parameters)).all()

    async def _read(self, reader: Callable[[Connection], Answer]) -> Answer:
        async with self.connection() as connection:
            return await connection.run_sync(reader)

    async def _twice(self, ask: Callable[[], Coroutine[Any, Any, Answer]]) -> Answer:
        """Ask again if the connection turns out to have been dead."""
        try:
            return await self._in_time(ask())
        except StoreUnavailableError as error:
            if not _was_dead_connection(error.__cause__):
                raise
        return await self._in_time(ask())

    async def _in_time(self, asking: Coroutine[Any, Any, Answer]) -> Answer:
        """The answer, or StoreUnavailableError even if the server does not react to anything.

        To give up a statement the driver asks the server, for many seconds if that is frozen or cut
        off. This goes on beside the requests.
        """
        task = asyncio.create_task(asking)
        try:
            done, _ = await asyncio.wait({task}, timeout=self._wait_seconds + _GIVE_UP_SECONDS)
        except asyncio.CancelledError:
            task.cancel()
            raise
        if done:
            return task.result()
        self._given_up.add(task)
        task.add_done_callback(self._forget)
        raise StoreUnavailableError

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self._given_up.discard(task)
        if not task.cancelled():
            # What became of it no longer matters, but unread it would be logged.
            task.exception()


def _was_dead_connection(error: BaseException | None) -> bool:
    return isinstance(error, DBAPIError) and error.connection_invalidated
