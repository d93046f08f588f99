"""A bounded number of connections to PostgreSQL, and what is done when it is late."""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Any, TypeVar, cast

from sqlalchemy import QueuePool, TextClause
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.errors import StoreUnavailableError
from serving.postgres.limits import PoolLimits
from serving.postgres.pools import (
    PoolFigures,
    Pulse,
    log_slow_statements,
    renew_connections,
    report_statement,
)
from serving.runtime.budget import Budget
from serving.runtime.tasks import AbandonedTasks, end
from sql.driver_rows import load_rows
from sql.engine import API, AWAY_ERRORS, make_async_engine, reason_of

Answer = TypeVar("Answer")
Ask = Callable[[AsyncConnection], Awaitable[Answer]]

_WARMED = 3
"""Each connection is a process of the server's; the others are opened when they are needed."""
_GRACE_SECONDS = 0.5
"""How long what was given up may take to end by itself."""
_STALL_SECONDS = 0.05
"""A timer that rings so late tells that this process was held up, and not the server."""


class Connections:
    """Up to `most` connections to one server; who finds all of them in use waits or is refused."""

    def __init__(
        self,
        engine: AsyncEngine,
        *,
        most: int,
        most_waiting: int,
        kept: int | None = None,
        pulse: Pulse | None = None,
        slow_statement_seconds: float = math.inf,
    ) -> None:
        self._engine = engine
        self._slow_statement_seconds = slow_statement_seconds
        self._pulse = pulse
        self._free = asyncio.Semaphore(most)
        self._most = most
        self._kept = most if kept is None else kept
        self._in_use = 0
        self._waiting = 0
        self._most_waiting = most_waiting
        self._under_way: set[asyncio.Task[Any]] = set()
        self._abandoned = AbandonedTasks()
        self._waited: Callable[[float], None] = _ignore_wait

    @classmethod
    def at(cls, database_url: str, limits: PoolLimits) -> "Connections":
        """Connections to the database at this address; nothing is opened yet."""

        def engine(kept: int, overflow: int) -> AsyncEngine:
            made = make_async_engine(
                database_url,
                application_name=API,
                statement_seconds=limits.statement_seconds,
                pooled=limits.pooled,
                # A single statement needs no BEGIN and no ROLLBACK, which are round trips.
                isolation_level="AUTOCOMMIT",
                skip_autocommit_rollback=True,
                pool_size=kept,
                max_overflow=overflow,
                # The connection used last is used next. In turn, each would keep the plans and
                # catalogue entries of every statement and run, though a few do all the work.
                pool_use_lifo=True,
                hide_parameters=True,
            )
            renew_connections(made, seconds=limits.connection_seconds)
            return made

        asked = engine(limits.kept, limits.overflow)
        log_slow_statements(asked, seconds=limits.slow_statement_seconds)
        pulse = None
        if limits.silence_seconds is not None:
            pulse = Pulse(engine(1, 0), silence_seconds=limits.silence_seconds)
        most = limits.kept + limits.overflow
        return cls(
            asked,
            most=most,
            most_waiting=limits.waiting,
            kept=limits.kept,
            pulse=pulse,
            slow_statement_seconds=limits.slow_statement_seconds,
        )

    def watch(self, figures: PoolFigures) -> None:
        """Report how many connections there are and how long they are waited for, from now on."""
        pool = self._engine.sync_engine.pool
        opened = cast("QueuePool", pool)
        figures.watch(
            limit=self._most,
            opened=lambda: opened.checkedin() + opened.checkedout(),
            in_use=lambda: self._in_use,
            waiting=lambda: self._waiting,
        )
        self._waited = figures.waited

    async def ask(self, ask: Ask[Answer], budget: Budget) -> Answer:
        """What `ask` finds with a connection of its own; StoreUnavailableError within the budget.

        A connection whose server does not react stays in use until that is settled, so however many
        requests come, no more than `most` statements are ever under way.
        """

        async def with_connection() -> Answer:
            async with self._engine.connect() as connection:
                return await ask(connection)

        return await self._in_turn(with_connection(), budget)

    async def rows(
        self, statement: TextClause, parameters: Mapping[str, Any] | None, budget: Budget
    ) -> Sequence[Any]:
        """The rows of one statement, in less time; otherwise as `ask`."""
        return await self._in_turn(self._timed_rows(statement, parameters), budget)

    async def _timed_rows(
        self, statement: TextClause, parameters: Mapping[str, Any] | None
    ) -> Sequence[Any]:
        began, ended = time.monotonic(), False
        try:
            rows = await load_rows(self._engine, statement, parameters)
            ended = True
        finally:
            took = time.monotonic() - began
            if took > self._slow_statement_seconds:
                report_statement(statement.get_execution_options(), took, ended=ended)
        return rows

    async def _in_turn(self, asking: Coroutine[Any, Any, Answer], budget: Budget) -> Answer:
        try:
            await self._take(budget)
        except BaseException:
            asking.close()
            raise
        task = asyncio.create_task(self._asked(asking))
        self._under_way.add(task)
        task.add_done_callback(self._give_back)
        try:
            await self._wait(task, budget)
        except BaseException:
            # The server itself ends a statement that takes too long; its connection stays good.
            self._abandoned.add(task, grace_seconds=_GRACE_SECONDS)
            raise
        return task.result()

    async def warm_up(self, budget: Budget) -> None:
        """Open as many as a quiet process uses, so that the first requests need not."""
        if self._pulse is not None:
            self._pulse.feel()
        opened = (self.ask(_nothing, budget) for _ in range(min(self._kept, _WARMED)))
        await asyncio.gather(*opened, return_exceptions=True)

    async def close(self) -> None:
        """Close all connections; what is still under way is given up."""
        await asyncio.gather(*map(end, tuple(self._under_way)))
        await self._engine.dispose()
        if self._pulse is not None:
            await self._pulse.close()

    async def _take(self, budget: Budget) -> None:
        if self._free.locked() and self._waiting >= self._most_waiting:
            raise _unavailable("busy")
        if self._free.locked():
            await self._queue(budget)
        else:
            await self._free.acquire()
            self._waited(0.0)
        self._in_use += 1

    async def _queue(self, budget: Budget) -> None:
        """Wait for a connection that another request gives back."""
        self._waiting += 1
        since = time.monotonic()
        acquiring = asyncio.create_task(self._free.acquire())
        acquired = False
        try:
            await self._in_time(acquiring, budget)
            acquired = acquiring.done()
        finally:
            self._waiting -= 1
            self._waited(time.monotonic() - since)
            if not acquired:
                self._give_up(acquiring)
        if not acquired:
            raise _unavailable("busy")

    def _give_up(self, acquiring: "asyncio.Task[Any]") -> None:
        """Leave the queue; a connection that was given just now is given back."""
        if acquiring.done():
            self._free.release()
        acquiring.cancel()

    async def _in_time(self, awaited: "asyncio.Future[Any]", budget: Budget) -> None:
        """Wait while there is time, and the server shows signs of life if these are looked for."""
        if self._pulse is None:
            await asyncio.wait({awaited}, timeout=budget.left())
        else:
            await self._pulse.wait(awaited, budget)

    def _give_back(self, task: asyncio.Task[Any]) -> None:
        self._free.release()
        self._in_use -= 1
        self._under_way.discard(task)
        if not task.cancelled():
            # What became of something given up no longer matters, but unread it would be logged.
            task.exception()

    async def _asked(self, asking: Coroutine[Any, Any, Answer]) -> Answer:
        try:
            answer = await asking
        except AWAY_ERRORS as error:
            raise _unavailable(reason_of(error)) from error
        if self._pulse is not None:
            self._pulse.beat()
        return answer

    async def _wait(self, task: asyncio.Task[Any], budget: Budget) -> None:
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + budget.left()
        await self._in_time(task, budget)
        if not task.done() and loop.time() > ends_at + _STALL_SECONDS:
            # The answer may have come in meanwhile; nobody has looked yet.
            await asyncio.wait({task}, timeout=_STALL_SECONDS)
            if not task.done():
                raise _unavailable("stalled")
        if not task.done():
            raise _unavailable("timeout")


def _ignore_wait(_seconds: float) -> None:
    """Nobody watches."""


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
