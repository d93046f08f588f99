"""Concurrent calls for the same thing compute it once."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

Answer = TypeVar("Answer")


class SingleFlight(Generic[Answer]):
    """Calls under way, by key. A caller who gives up does not stop the work others wait for."""

    def __init__(self) -> None:
        self._flights: dict[Hashable, asyncio.Task[Answer]] = {}

    async def run(self, key: Hashable, compute: Callable[[], Awaitable[Answer]]) -> Answer:
        """Compute, or wait for whoever already does; an error goes to all who wait."""
        task = self._flights.get(key)
        if task is None:
            task = asyncio.ensure_future(_awaited(compute))
            self._flights[key] = task
            task.add_done_callback(lambda landed: self._land(key, landed))
        return await asyncio.shield(task)

    def _land(self, key: Hashable, task: asyncio.Task[Answer]) -> None:
        self._flights.pop(key, None)
        if not task.cancelled():
            # Everybody may have given up waiting; unread, an error would be logged.
            task.exception()


async def _awaited(compute: Callable[[], Awaitable[Answer]]) -> Answer:
    return await compute()
