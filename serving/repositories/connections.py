"""A bounded number of connections to PostgreSQL, and what is done when it is late."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.errors import StoreUnavailableError
from serving.budget import Budget
from serving.repositories.giving_up import GivenUp, end
from sql.engine import AWAY_ERRORS, make_async_engine, reason_of

Answer = TypeVar("Answer")
Ask = Callable[[AsyncConnection], Awaitable[Answer]]

_GRACE_SECONDS = 0.5
"""How long what was given up may take to end by itself."""
_STALL_SECONDS = 0.05
"""A timer that rings so late tells that this process was held up, and not the server."""


class Connections:
    """Up to `most` connections to one server; who finds all of them in use waits or is refused."""

    def __init__(self, engine: AsyncEngine, *, most: int, most_waiting: int) -> None:
        self._engine = engine
        self._free = asyncio.Semaphore(most)
        self._most = most
        self._waiting = 0
        self._most_waiting = most_waiting
        self._under_way: set[asyncio.Task[Any]] = set()
        self._given_up = GivenUp()

    @classmethod
    def at(
        cls, database_url: str, *, most: int, most_waiting: int, statement_seconds: float
    ) -> "Connections":
        """Connections to the database at this address; nothing is opened yet."""
        engine = make_async_engine(
            database_url,
            statement_seconds=statement_seconds,
            # A single statement needs no BEGIN and no ROLLBACK, which are round trips.
            isolation_level="AUTOCOMMIT",
            skip_autocommit_rollback=True,
            pool_size=most,
            max_overflow=0,
            hide_parameters=True,
        )
        return cls(engine, most=most, most_waiting=most_waiting)

    async def ask(self, ask: Ask[Answer], budget: Budget) -> Answer:
        """What `ask` finds with a connection of its own; StoreUnavailableError within the budget.

        A connection whose server does not react stays in use until that is settled, so however many
        requests come, no more than `most` statements are ever under way.
        """
        await self._take(budget)
        task = asyncio.create_task(self._asked(ask))
        self._under_way.add(task)
        task.add_done_callback(self._give_back)
        try:
            await self._wait(task, budget)
        except BaseException:
            # The server itself ends a statement that takes too long; its connection stays good.
            self._given_up.add(task, grace_seconds=_GRACE_SECONDS)
            raise
        return task.result()

    async def warm_up(self, budget: Budget) -> None:
        """Open all connections, so that the first requests need not."""
        opened = (self.ask(_nothing, budget) for _ in range(self._most))
        await asyncio.gather(*opened, return_exceptions=True)

    async def close(self) -> None:
        """Close all connections; what is still under way is given up."""
        await asyncio.gather(*map(end, tuple(self._under_way)))
        await self._engine.dispose()

    async def _take(self, budget: Budget) -> None:
        if self._free.locked() and self._waiting >= self._most_waiting:
            raise _unavailable("busy")
        self._waiting += 1
        try:
            async with asyncio.timeout(budget.left()):
                await self._free.acquire()
        except TimeoutError as error:
            raise _unavailable("busy") from error
        finally:
            self._waiting -= 1

    def _give_back(self, task: asyncio.Task[Any]) -> None:
        self._free.release()
        self._under_way.discard(task)
        if not task.cancelled():
            # What became of something given up no longer matters, but unread it would be logged.
            task.exception()

    async def _asked(self, ask: Ask[Answer]) -> Answer:
        try:
            async with self._engine.connect() as connection:
                return await ask(connection)
        except AWAY_ERRORS as error:
            raise _unavailable(reason_of(error)) from error

    async def _wait(self, task: asyncio.Task[Any], budget: Budget) -> None:
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + budget.left()
        done, _ = await asyncio.wait({task}, timeout=budget.left())
        if not done and loop.time() > ends_at + _STALL_SECONDS:
            # The answer may have come in meanwhile; nobody has looked yet.
            done, _ = await asyncio.wait({task}, timeout=_STALL_SECONDS)
            if not done:
                raise _unavailable("stalled")
        if not done:
            raise _unavailable("timeout")


async def _nothing(_connection: AsyncConnection) -> None:
    """Ask nothing: that there is a connection is enough."""


def was_dead_connection(error: StoreUnavailableError) -> bool:
    """Whether a connection from the pool turned out to be dead, and a new one may be well."""
    cause = error.__cause__
    return isinstance(cause, DBAPIError) and cause.connection_invalidated


def _unavailable(reason: str) -> StoreUnavailableError:
    return StoreUnavailableError(_DETAILS.get(reason), reason=reason)


_DETAILS = {
    "statement": "PostgreSQL cannot do what was asked. Ask for less, or otherwise.",
    "timeout": "PostgreSQL does not answer in time just now. Try again shortly.",
    "busy": "All connections to PostgreSQL are in use just now. Try again shortly.",
    "stalled": "This process was held up and has no time left. Try again shortly.",
    "damaged": "PostgreSQL cannot read what was asked: see its log, and `tandem diagnose`.",
    "conflict": "Others were writing the same just now. Try again shortly.",
}
