"""Work that goes on beside the requests."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import structlog

log = structlog.get_logger()


@asynccontextmanager
async def repeated(
    name: str, action: Callable[[], Awaitable[None]], *, seconds: float
) -> AsyncIterator[None]:
    """Do something again and again for the time of the block; each outage is logged once."""
    task = asyncio.create_task(_repeat(name, action, seconds), name=name)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _repeat(name: str, action: Callable[[], Awaitable[None]], seconds: float) -> None:
    failing = False
    while True:
        try:
            await action()
        except Exception as error:  # noqa: BLE001 -- whatever it is, the next turn may succeed
            if not failing:
                log.warning("background_work_failed", work=name, error=str(error))
            failing = True
        else:
            failing = False
        await asyncio.sleep(seconds)
