"""Which run is served, kept at hand so that asking costs nothing."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from domain.errors import StoreUnavailableError
from serving.repositories.runs import LiveRun, Runs
from serving.runtime.faults import RunGoneError
from serving.runtime.metrics import ServingMetrics

Answer = TypeVar("Answer")

_ATTEMPTS = 3


class LiveRuns:
    """The run being served, as of the last poll."""

    def __init__(self, runs: Runs, metrics: ServingMetrics) -> None:
        self._runs = runs
        self._metrics = metrics
        self._current: LiveRun | None = None
        self._begun = 0
        self._seen = 0

    @property
    def current(self) -> LiveRun | None:
        """The run of the last poll; None before the first is published, or if none was seen yet."""
        return self._current

    async def refresh(self) -> None:
        """Read which run is served; the last known one stays when the store is away."""
        self._begun += 1
        number = self._begun
        found = await self._runs.find_live_run()
        # Of two polls at once the one that began later counts: the other may have seen the run
        # that was served before.
        if number < self._seen:
            return
        self._seen, self._current = number, found
        self._metrics.live_run.set(self._current.run_id if self._current else 0)

    async def reading(self, read: Callable[[LiveRun | None], Awaitable[Answer]]) -> Answer:
        """Read everything from one run: the live one, and its successor if it is dropped meanwhile.

        `read` gets the run, or None before the first is published, and raises RunGoneError when
        it finds the run dropped.
        """
        # Before the first run is published each request looks for it; that costs little then.
        if self._current is None:
            await self.refresh()
        for _ in range(_ATTEMPTS):
            try:
                return await read(self._current)
            except RunGoneError:
                await self.refresh()
        message = "The served run was dropped while it was read, several times. Try again shortly."
        raise StoreUnavailableError(message, reason="run_gone")
