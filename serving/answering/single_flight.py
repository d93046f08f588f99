"""Concurrent calls for the same thing compute it once."""

import asyncio
import math
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

import structlog

from domain.errors import StoreUnavailableError
from serving.budget import Budget, current

Answer = TypeVar("Answer")

_ENOUGH = 0.5
"""Whoever has twice as much time as a flight has left does not join it."""


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
