"""Tasks that several wait for, that begin when another is late, or that are abandoned."""

import asyncio
import math
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

import structlog

from domain.errors import StoreUnavailableError
from serving.runtime.budget import Budget, current

Answer = TypeVar("Answer")

_ENOUGH = 0.5
"""Whoever has twice as much time as a flight has left does not join it."""

_LATE = 0.25
"""The share of the budget after which a request is late."""
_AGAIN_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class _Flight(Generic[Answer]):
    """Work under way, with the time of the caller that began it."""

    task: asyncio.Task[Answer]
    budget: Budget | None

    def has_time_for(self, budget: Budget | None) -> bool:
        """Whether the work may go on for about as long as this caller may wait."""
        return _left(self.budget) >= _ENOUGH * _left(budget)


class SingleFlight(Generic[Answer]):
    """Calls under way, by key. A caller who gives up does not stop the work others wait for.

    A flight ends in time for the caller that began it, with the best there is by then. Nobody who
    has much more time is to be content with that: they begin another, which later ones join.
    """

    def __init__(self) -> None:
        self._flights: dict[Hashable, _Flight[Answer]] = {}

    async def run(self, key: Hashable, compute: Callable[[], Awaitable[Answer]]) -> Answer:
        """Compute, or wait for whoever already does; an error goes to all who wait."""
        budget = current()
        flight = self._flights.get(key)
        if flight is None or not flight.has_time_for(budget):
            flight = self._begin(key, compute, budget)
        try:
            return await asyncio.shield(flight.task)
        except asyncio.CancelledError:
            caller = asyncio.current_task()
            if not flight.task.cancelled() or (caller is not None and caller.cancelling()):
                raise
            # Only the work was cancelled: those who wait for it are to answer what they still can.
            message = "The work on this answer was interrupted. Try again shortly."
            raise StoreUnavailableError(message, reason="interrupted") from None

    def _begin(
        self, key: Hashable, compute: Callable[[], Awaitable[Answer]], budget: Budget | None
    ) -> _Flight[Answer]:
        flight = _Flight(asyncio.create_task(_computed(compute)), budget)
        self._flights[key] = flight
        flight.task.add_done_callback(lambda _: self._land(key, flight))
        return flight

    def _land(self, key: Hashable, flight: _Flight[Answer]) -> None:
        if self._flights.get(key) is flight:
            del self._flights[key]
        if not flight.task.cancelled():
            # Everybody may have given up waiting; unread, an error would be logged.
            flight.task.exception()


async def _computed(compute: Callable[[], Awaitable[Answer]]) -> Answer:
    """Compute in a task of its own: its context is a copy, and no request id is its own."""
    structlog.contextvars.clear_contextvars()
    return await compute()


def _left(budget: Budget | None) -> float:
    return math.inf if budget is None else budget.left()


class HedgedRead(Generic[Answer]):
    """A read that begins by itself once the request is late, and at once when it is awaited."""

    def __init__(self, read: Callable[[], Awaitable[Answer]]) -> None:
        self._read = read
        self._task: asyncio.Task[Answer] | None = None
        self._timer: asyncio.TimerHandle | None = None

    def __enter__(self) -> Self:
        budget = current()
        if budget is not None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(_LATE * budget.seconds, self._begin)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._task is not None:
            self._task.cancel()

    async def result(self) -> Answer:
        """What was read."""
        return await self._begin()

    def _begin(self) -> asyncio.Task[Answer]:
        if self._task is None:
            self._task = asyncio.create_task(self._reading())
        return self._task

    async def _reading(self) -> Answer:
        return await self._read()


class AbandonedTasks:
    """Sees to it that tasks end which nobody waits for any more."""

    def __init__(self) -> None:
        self._endings: set[asyncio.Task[None]] = set()

    def add(self, task: asyncio.Task[Any], *, grace_seconds: float = 0.0) -> None:
        """End a task: by itself within the grace, or by cancelling it."""
        ending = asyncio.create_task(end(task, grace_seconds=grace_seconds))
        self._endings.add(ending)
        ending.add_done_callback(self._endings.discard)


def ignore_result(task: asyncio.Task[Any]) -> asyncio.Task[Any]:
    """The same task; if nobody reads what became of it, nothing is logged."""
    task.add_done_callback(_read)
    return task


def _read(task: asyncio.Task[Any]) -> None:
    if not task.cancelled():
        task.exception()


async def end(task: asyncio.Task[Any], *, grace_seconds: float = 0.0) -> None:
    """Return when a task has ended.

    It is cancelled as often as it takes: to cancel a statement psycopg asks the server, for many
    seconds if that is frozen, and closes the connection when it is cancelled once more; redis-py
    may swallow a cancellation while it connects.
    """
    await asyncio.wait({task}, timeout=grace_seconds)
    while not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=_AGAIN_SECONDS)
    _read(task)
