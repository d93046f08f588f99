"""Giving up what does not answer in time, without waiting for it to notice."""

import asyncio
from typing import Any

_AGAIN_SECONDS = 0.5


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
