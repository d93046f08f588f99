"""One way to PostgreSQL: statements in, rows out, and one error when it is away."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Protocol, TypeVar

from sqlalchemy import Connection, Row, TextClause
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.errors import StoreUnavailableError
from serving.postgres.connections import Ask, Connections, was_dead_connection
from serving.postgres.limits import PoolLimits, StoreLimits
from serving.postgres.pools import PoolFigures
from serving.postgres.replica import Replica
from serving.runtime.breaker import Breaker, BreakerRules
from serving.runtime.budget import Budget, Lane, current, spending
from serving.runtime.metrics import ServingMetrics
from sql.statements import statements

Answer = TypeVar("Answer")
Way = Callable[[Connections, Budget], Awaitable[Answer]]

_SERVING = statements("serving")

_FAIR_SECONDS = 0.05
"""To be late with less time than this says nothing about the server.

Nor do all connections in use, a process held up, or a conflict between transactions.
"""

_MOST_PATIENT = 500
"""So many may wait for one of the few connections; each takes about a millisecond."""


class ReadStore(Protocol):
    """PostgreSQL for who reads it only; StoreUnavailableError when it is away."""

    async def rows(
        self, statement: TextClause, parameters: Mapping[str, Any] | None = None
    ) -> Sequence[Row[Any]]:
        """The rows a statement answers."""

    async def prepared_rows(
        self,
        preparation: TextClause,
        statement: TextClause,
        parameters: Mapping[str, Any] | None = None,
    ) -> Sequence[Row[Any]]:
        """The same after a preparation in one transaction, which changes nothing in the store."""

    async def read(self, reader: Callable[[Connection], Answer]) -> Answer:
        """What a reader of `sql` finds; it reads several times and must be harmless twice."""


class WriteStore(ReadStore, Protocol):
    """PostgreSQL for who changes it too."""

    async def write(
        self, statement: TextClause, parameters: Mapping[str, Any] | None = None
    ) -> Sequence[Row[Any]]:
        """The rows of a statement that changes something, committed when this returns."""


class Store(WriteStore):
    """The database, one statement at a time: each is a transaction of its own.

    The budget of whoever asks says which connections a statement takes and how long it may take.
    """

    def __init__(
        self,
        lanes: Mapping[Lane, Connections],
        breaker: Breaker,
        *,
        wait_seconds: float,
        probe_seconds: float,
        replica: Replica | None = None,
    ) -> None:
        self._lanes = lanes
        self._replica = replica
        self._wait_seconds = wait_seconds
        self._probe_seconds = probe_seconds
        self.breaker = breaker

    @classmethod
    def at(
        cls,
        database_url: str,
        limits: StoreLimits | None = None,
        breaker: Breaker | None = None,
        replica: Replica | None = None,
    ) -> "Store":
        """A store on bounded pools of connections; nothing is opened yet."""
        limits = limits or StoreLimits()

        reads = limits.pool(
            limits.connections,
            limits.read_seconds,
            overflow=limits.overflow_connections,
            silence_seconds=limits.silence_seconds,
        )
        lanes: dict[Lane, Connections] = {
            "reads": Connections.at(database_url, reads),
            "writes": Connections.at(
                database_url, limits.pool(limits.write_connections, limits.write_seconds)
            ),
            "background": Connections.at(
                database_url, limits.pool(limits.background_connections, limits.wait_seconds)
            ),
        }
        return cls(
            lanes,
            breaker or Breaker(BreakerRules()),
            wait_seconds=limits.wait_seconds,
            # A server that needs longer than requests wait is not back.
            probe_seconds=limits.read_seconds,
            replica=replica,
        )

    @classmethod
    def for_small_reads(
        cls,
        database_url: str,
        breaker: Breaker,
        *,
        connections: int,
        seconds: float,
        pooled: bool = False,
    ) -> "Store":
        """A store on few connections for cheap statements that are waited for with patience."""
        limits = PoolLimits(
            kept=connections,
            overflow=0,
            waiting=_MOST_PATIENT,
            statement_seconds=seconds,
            pooled=pooled,
        )
        reads = Connections.at(database_url, limits)
        lanes: dict[Lane, Connections] = {"reads": reads, "background": reads}
        return cls(lanes, breaker, wait_seconds=seconds, probe_seconds=seconds)

    async def rows(
        self, statement: TextClause, parameters: Mapping[str, Any] | None = None
    ) -> Sequence[Row[Any]]:
        """The rows a statement answers; StoreUnavailableError when the database is away.

        A statement whose connection turns out to be dead is sent once more, so it must be harmless
        twice.
        """

        async def ask(connection: AsyncConnection) -> Sequence[Row[Any]]:
            return (await connection.execute(statement, parameters)).all()

        async def rows(connections: Connections, budget: Budget) -> Sequence[Row[Any]]:
            return await connections.rows(statement, parameters, budget)

        return await self._ask(ask, rows)

    async def write(
        self, statement: TextClause, parameters: Mapping[str, Any] | None = None
    ) -> Sequence[Row[Any]]:
        """As `rows`, which sends every statement as a transaction of its own."""
        return await self.rows(statement, parameters)

    async def prepared_rows(
        self,
        preparation: TextClause,
        statement: TextClause,
        parameters: Mapping[str, Any] | None = None,
    ) -> Sequence[Row[Any]]:
        """See `ReadStore`."""

        async def ask(connection: AsyncConnection) -> Sequence[Row[Any]]:
            await connection.execution_options(isolation_level="READ COMMITTED")
            await connection.execute(preparation)
            return (await connection.execute(statement, parameters)).all()

        return await self._ask(ask)

    async def read(self, reader: Callable[[Connection], Answer]) -> Answer:
        """See `ReadStore`."""

        async def ask(connection: AsyncConnection) -> Answer:
            return await connection.run_sync(reader)

        return await self._ask(ask)

    async def probe(self) -> None:
        """See whether the database is back, if it was left alone."""
        if self.breaker.state != "closed":
            with spending(Budget.of("background", self._probe_seconds, probing=True)):
                await self.rows(_SERVING["probe"])

    def watch(self, metrics: ServingMetrics) -> None:
        """Report the figures of all connections, the replica's too."""
        for lane, connections in self._lanes.items():
            connections.watch(PoolFigures(metrics, lane))
        if self._replica is not None:
            self._replica.watch(PoolFigures(metrics, "replica"))

    async def warm_up(self) -> None:
        """Open the connections that requests which read will need."""
        await self._lanes["reads"].warm_up(Budget.of("reads", self._wait_seconds))

    async def close(self) -> None:
        """Close all connections."""
        for lane in self._lanes.values():
            await lane.close()
        if self._replica is not None:
            await self._replica.close()

    async def _ask(self, ask: Ask[Answer], quickly: Way[Answer] | None = None) -> Answer:
        """The one way out: if the breaker allows it, within the budget.

        `quickly`: asks the same of connections to the primary.
        """

        async def usual(connections: Connections, budget: Budget) -> Answer:
            return await connections.ask(ask, budget)

        way = quickly or usual
        budget = current() or Budget.of("background", self._wait_seconds)
        if budget.probing:
            return await self._probing(way, budget)
        if self._replica is not None and self._replica.may_answer():
            # Whatever is wrong there, the primary has the answer.
            with suppress(StoreUnavailableError, DBAPIError):
                return await self._replica.ask(ask, budget)
        admission = self.breaker.admit()
        if admission is None:
            raise StoreUnavailableError(reason="open")
        fair = budget.counts_as_failure and budget.left() >= _FAIR_SECONDS
        try:
            answer = await self._twice(way, budget)
        except StoreUnavailableError as error:
            if error.reason == "away" or (error.reason == "timeout" and fair):
                self.breaker.failed(admission)
            raise
        except Exception:
            # The statement was at fault, and the server has said so.
            self.breaker.succeeded(admission)
            raise
        self.breaker.succeeded(admission)
        return answer

    async def _probing(self, way: Way[Answer], budget: Budget) -> Answer:
        try:
            answer = await self._twice(way, budget)
        except StoreUnavailableError:
            self.breaker.probed(well=False)
            raise
        self.breaker.probed(well=True)
        return answer

    async def _twice(self, way: Way[Answer], budget: Budget) -> Answer:
        """Ask again if the connection turns out to have been dead."""
        connections = self._lanes[budget.lane]
        try:
            return await way(connections, budget)
        except StoreUnavailableError as error:
            if not was_dead_connection(error):
                raise
        return await way(connections, budget)
