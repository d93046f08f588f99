"""Concurrent calls for the same thing compute it once."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

import structlog

from domain.errors import StoreUnavailableError
from serving.budget import Budget, current, spending

Answer = TypeVar("Answer")


class SingleFlight(Generic[Answer]):
    """Calls under way, by key. A caller who gives up does not stop the work others wait for.

    The work has as much time as its first caller had at the beginning; each waits by its own.
    """

    def __init__(self) -> None:
        self._flights: dict[Hashable, asyncio.Task[Answer]] = {}

    async def run(self, key: Hashable, compute: Callable[[], Awaitable[Answer]]) -> Answer:
        """Compute, or wait for whoever already does; an error goes to all who wait."""
        task = self._flights.get(key)
        if task is None:
            task = asyncio.create_task(_computed(compute, current()))
            self._flights[key] = task
            task.add_done_callback(lambda landed: self._land(key, landed))
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            caller = asyncio.current_task()
            if not task.cancelled() or (caller is not None and caller.cancelling()):
                raise
            # Only the work was cancelled: those who wait for it are to answer what they still can.
            message = "The work on this answer was interrupted. Try again shortly."
            raise StoreUnavailableError(message, reason="interrupted") from None

    def _land(self, key: Hashable, task: asyncio.Task[Answer]) -> None:
        self._flights.pop(key, None)
        if not task.cancelled():
            # Everybody may have given up waiting; unread, an error would be logged.
            task.exception()


async def _computed(
    compute: Callable[[], Awaitable[Answer]], of_caller: Budget | None
) -> Answer:
    """Compute in a task of its own, whose context began as a copy of the first caller's.

    A caller's time may be nearly over when others join, and its request id is not theirs.
    """
    structlog.contextvars.clear_contextvars()
    with spending(None if of_caller is None else of_caller.begun_anew()):
        return await compute()
