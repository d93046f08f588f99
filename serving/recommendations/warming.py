"""Making answers before a promotion, so that the first requests after it find them in the cache.

With every promotion all kept answers become those of another run, and whoever asks within the next
second would have to wait for the others' lists.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import structlog

from domain.errors import StoreUnavailableError
from domain.identifiers import RunId, UserId
from serving.lists.request import RecommendationRequest
from serving.runs.live_runs import LiveRun, LiveRuns, Runs
from serving.runtime.background import BackgroundFailures
from serving.runtime.budget import Budget, spending
from serving.runtime.faults import RunGoneError, UserGoneError
from serving.runtime.metrics import ServingMetrics

log = structlog.get_logger()

RecentRequest = tuple[UserId, RecommendationRequest]
Prepare = Callable[[LiveRun, UserId, RecommendationRequest], Awaitable[None]]

_SECONDS = 1.0
"""What one answer may take."""


class RecentRequests:
    """What this process was asked for lately, each once, in bounded memory."""

    def __init__(self, most: int) -> None:
        self._most = most
        # Not an LRUCache, which does not tell its order.
        self._asked: OrderedDict[tuple[UserId, str], RecommendationRequest] = OrderedDict()

    def note(self, user_id: UserId, request: RecommendationRequest, key: str) -> None:
        """A list was asked for; `key` tells it from others of the user."""
        asked = (user_id, key)
        self._asked[asked] = request
        self._asked.move_to_end(asked)
        if len(self._asked) > self._most:
            self._asked.popitem(last=False)

    def newest_first(self) -> Sequence[RecentRequest]:
        """All of them."""
        newest = reversed(self._asked.items())
        return [(user_id, request) for (user_id, _), request in newest]


@dataclass(eq=False, slots=True)
class Warmer:
    """Makes the answers of a coming run, one at a time and with pauses."""

    recent_requests: RecentRequests
    runs: Runs
    live_runs: LiveRuns
    prepare: Prepare
    metrics: ServingMetrics
    failures: BackgroundFailures
    per_second: float
    _task: asyncio.Task[None] | None = field(default=None, init=False)

    def begin(self, run_id: RunId) -> None:
        """Begin with a run that is about to be served, and leave off with any other."""
        self.stop()
        self._task = asyncio.create_task(self._warm(run_id), name="warming")

    def stop(self) -> None:
        """Leave off."""
        if self._task is not None:
            self._task.cancel()

    async def _warm(self, run_id: RunId) -> None:
        try:
            with spending(Budget.of("background", _SECONDS)):
                run = await self.runs.find_coming_run(run_id)
            done = 0 if run is None else await self._warmed(run)
            # The night waits for it, but not for ever: a report that is lost costs time only.
            with spending(Budget.of("background", _SECONDS)):
                await self.runs.report_warmed(run_id)
        except (StoreUnavailableError, RunGoneError) as error:
            log.info("warming_left_off", run_id=run_id, error=str(error))
        except Exception as error:  # noqa: BLE001 -- nobody waits for this task to hear of it
            self.failures.failed("warming", error)
        else:
            self.failures.succeeded("warming")
            log.info("warmed", run_id=run_id, answers=done)

    async def _warmed(self, run: LiveRun) -> int:
        """How many were made until the run was served."""
        done = 0
        for user_id, request in self.recent_requests.newest_first():
            served = self.live_runs.current
            if served is not None and served.version == run.version:
                break
            with spending(Budget.of("background", _SECONDS)):
                try:
                    await self.prepare(run, user_id, request)
                except UserGoneError:
                    continue
            done += 1
            self.metrics.warmed.inc()
            await asyncio.sleep(1.0 / self.per_second)
        return done
