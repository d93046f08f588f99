"""Work that goes on beside the requests."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import structlog

from serving.budget import spending
from serving.repositories.giving_up import end

log = structlog.get_logger()


class _Work:
    """Something done again and again; each outage is logged once."""

    def __init__(self, name: str, action: Callable[[], Awaitable[None]]) -> None:
        self._name = name
        self._action = action
        self._failing = False

    async def once(self) -> None:
        try:
            # Each call out has its usual time, whoever's budget the first turn came under.
            with spending(None):
                await self._action()
        except Exception as error:  # noqa: BLE001 -- whatever it is, the next turn may succeed
            if not self._failing:
                log.warning("background_work_failed", work=self._name, error=str(error))
            self._failing = True
        else:
            self._failing = False

    async def forever(self, seconds: float) -> None:
        while True:
            await asyncio.sleep(seconds)
            await self.once()


@asynccontextmanager
async def repeated(
    name: str, action: Callable[[], Awaitable[None]], *, seconds: float, at_once: bool = True
) -> AsyncIterator[None]:
    """Do something again and again for the time of the block, and `at_once` before it begins."""
    work = _Work(name, action)
    if at_once:
        await work.once()
    task = asyncio.create_task(work.forever(seconds), name=name)
    try:
        yield
    finally:
        await end(task)
