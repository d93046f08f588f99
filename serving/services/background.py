"""Work that goes on beside the requests."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from serving.budget import spending
from serving.repositories.abandoned_tasks import end
from serving.services.background_failures import BackgroundFailures

_LONGEST_REST_SECONDS = 30.0


class _Work:
    """Something done again and again."""

    def __init__(
        self, name: str, action: Callable[[], Awaitable[None]], failures: BackgroundFailures
    ) -> None:
        self._name = name
        self._action = action
        self._failures = failures

    async def once(self) -> None:
        try:
            # Each call out has its usual time, whosever budget the first turn came under.
            with spending(None):
                await self._action()
        except Exception as error:  # noqa: BLE001 -- whatever it is, the next turn may succeed
            self._failures.failed(self._name, error)
        else:
            self._failures.succeeded(self._name)

    async def forever(self, seconds: float) -> None:
        while True:
            await asyncio.sleep(self._failures.rest(self._name, seconds, _LONGEST_REST_SECONDS))
            await self.once()


@asynccontextmanager
async def repeated(
    name: str,
    action: Callable[[], Awaitable[None]],
    failures: BackgroundFailures,
    *,
    seconds: float,
    at_once: bool = True,
) -> AsyncIterator[None]:
    """Do something again and again for the time of the block, and `at_once` before it begins.

    It goes on whatever happens; what fails is reported to `failures`.
    """
    work = _Work(name, action, failures)
    if at_once:
        await work.once()
    task = asyncio.create_task(work.forever(seconds), name=name)
    try:
        yield
    finally:
        await end(task)
