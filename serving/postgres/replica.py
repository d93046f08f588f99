"""A read replica: the same statements, for work that has a grant to read there."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from domain.errors import StoreUnavailableError
from serving.postgres.connections import Ask, Connections
from serving.postgres.limits import PoolLimits
from serving.postgres.pools import PoolFigures
from serving.runtime.budget import Budget
from sql.statements import statements

Answer = TypeVar("Answer")

_REPLICA = statements("replica")

_SHARE = 0.5
"""Of the time that is left; the rest is for the primary if the replica does not answer."""
_POLL_SECONDS = 1.0

_granted_server: ContextVar[str | None] = ContextVar("granted_server", default=None)


@contextmanager
def reading_replica(server: str) -> Iterator[None]:
    """For the time of the block, read from the replica as long as it is this very server."""
    token = _granted_server.set(server)
    try:
        yield
    finally:
        _granted_server.reset(token)


@contextmanager
def reading_primary() -> Iterator[None]:
    """For the time of the block, read from the primary whatever grant the work has."""
    token = _granted_server.set(None)
    try:
        yield
    finally:
        _granted_server.reset(token)


@dataclass(frozen=True, slots=True)
class ReplicaState:
    """How far a replica is."""

    server: str
    """Tells it from another server at the same address, and from itself before a restart."""
    cluster: int
    replayed: int | None
    """Everything in the log below this is visible; None: it is not a replica."""


class Replica:
    """Connections to the replica; after a failure it is left alone until it was looked at again."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._well = False

    @classmethod
    def at(cls, database_url: str, limits: PoolLimits) -> "Replica":
        """The replica at this address; nothing is opened yet."""
        return cls(Connections.at(database_url, limits))

    def watch(self, figures: PoolFigures) -> None:
        """Report the figures of its connections."""
        self._connections.watch(figures)

    def may_answer(self) -> bool:
        """Whether the work that asks has a grant to read here, and it makes sense to try."""
        return self._well and _granted_server.get() is not None

    async def ask(self, ask: Ask[Answer], budget: Budget) -> Answer:
        """What `ask` finds, in a part of the time; StoreUnavailableError: ask the primary."""
        server = _granted_server.get()

        async def checked(connection: AsyncConnection) -> Answer:
            # An address may lead to several servers, and not all of them are as far.
            if await _server_of(connection) != server:
                raise StoreUnavailableError(reason="stale")
            return await ask(connection)

        ends_at = time.monotonic() + _SHARE * budget.left()
        try:
            return await self._connections.ask(checked, replace(budget, ends_at=ends_at))
        except StoreUnavailableError as error:
            if error.reason == "away" or budget.counts_as_failure:
                self._note(error)
            raise

    async def poll(self) -> ReplicaState:
        """How far it is; StoreUnavailableError if it does not answer."""

        async def poll(connection: AsyncConnection) -> ReplicaState:
            server = await _server_of(connection)
            row = (await connection.execute(_REPLICA["load_replayed_position"])).one()
            return ReplicaState(server, row.cluster, row.replayed)

        try:
            state = await self._connections.ask(poll, Budget.of("background", _POLL_SECONDS))
        except StoreUnavailableError as error:
            self._note(error)
            raise
        self._well = True
        return state

    def _note(self, error: StoreUnavailableError) -> None:
        # All connections in use, or a query that recovery has ended, say nothing about the server.
        if error.reason in {"away", "timeout"}:
            self._well = False

    async def close(self) -> None:
        """Close all connections."""
        await self._connections.close()


async def _server_of(connection: AsyncConnection) -> str:
    """Asked once for each connection."""
    known: dict[str, str] = connection.info
    if "server" not in known:
        known["server"] = str((await connection.execute(_REPLICA["identify_server"])).scalar_one())
        # The question must not count as the beginning of a transaction.
        await connection.rollback()
    return known["server"]
