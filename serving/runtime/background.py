"""Work that goes on beside the requests, and what fails in it, where no request reports it."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import structlog

from domain.errors import StoreUnavailableError
from serving.runtime.budget import Budget, spending
from serving.runtime.metrics import ServingMetrics
from serving.runtime.tasks import end

log = structlog.get_logger()

_MOST_DOUBLINGS = 10
_LONGEST_REST_SECONDS = 30.0
_WORK = "startup_probe"
_PAUSE_SECONDS = 0.25
_CONTENT_AFTER_SECONDS = 3.0
"""A restart of PostgreSQL is worth waiting for even if there is a copy to answer with."""


@dataclass(frozen=True, slots=True)
class FailingWork:
    """Work beside the requests that fails in a way nobody foresaw."""

    work: str
    """Its name, as in the log and the metric."""
    since: datetime
    error: str
    """What was last raised."""
    times: int
    """How often in a row."""


class BackgroundFailures:
    """Counts and logs what fails, and knows what is failing just now.

    A store that is away is no defect and is logged once an outage. Anything else is logged with its
    traceback, at the 1st, 2nd, 4th, 8th … failure in a row: never silent, and no flood.
    """

    def __init__(self, metrics: ServingMetrics) -> None:
        self._metrics = metrics
        self._outages: set[str] = set()
        self._failing: dict[str, FailingWork] = {}

    def failing(self) -> tuple[FailingWork, ...]:
        """The work that fails just now though the stores are there."""
        return tuple(self._failing.values())

    def expect(self, work: str) -> None:
        """Show its counts from the beginning: Prometheus sees no increase in what it never saw."""
        for cause in ("outage", "error"):
            self._metrics.background_failures.labels(work, cause)

    def failed(self, work: str, error: Exception) -> None:
        """A turn has failed; to be called where the error is handled."""
        if isinstance(error, StoreUnavailableError):
            self._note_outage(work, error)
            return
        self._metrics.background_failures.labels(work, "error").inc()
        known = self._failing.get(work) or FailingWork(work, datetime.now(UTC), "", 0)
        message = f"{type(error).__name__}: {error}".partition("\n")[0]
        known = self._failing[work] = replace(known, error=message, times=known.times + 1)
        if known.times & (known.times - 1) == 0:
            log.error("background_work_failed", work=work, times=known.times, exc_info=error)

    def succeeded(self, work: str) -> None:
        """A turn has ended well."""
        self._outages.discard(work)
        if self._failing.pop(work, None) is not None:
            log.info("background_work_well_again", work=work)

    def forget(self, work: str) -> None:
        """The work is not done any more, however its last turn ended."""
        self._outages.discard(work)
        self._failing.pop(work, None)

    def rest(self, work: str, seconds: float, longest: float) -> float:
        """How long to rest before the next turn: longer after each failure that is no outage."""
        known = self._failing.get(work)
        if known is None:
            return seconds
        doubled = seconds * 2.0 ** min(known.times, _MOST_DOUBLINGS)
        return max(seconds, min(doubled, longest))

    def _note_outage(self, work: str, error: StoreUnavailableError) -> None:
        self._metrics.background_failures.labels(work, "outage").inc()
        if work not in self._outages:
            message = str(error.__cause__ or error)
            log.warning("background_work_failed", work=work, error=message)
        self._outages.add(work)


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
    failures.expect(name)
    if at_once:
        await _once(name, action, failures)
    task = asyncio.create_task(_forever(name, action, failures, seconds), name=name)
    try:
        yield
    finally:
        await end(task)


async def _once(
    name: str, action: Callable[[], Awaitable[None]], failures: BackgroundFailures
) -> None:
    try:
        # Each call out has its usual time, whosever budget the first turn came under.
        with spending(None):
            await action()
    except Exception as error:  # noqa: BLE001 -- whatever it is, the next turn may succeed
        failures.failed(name, error)
    else:
        failures.succeeded(name)


async def _forever(
    name: str,
    action: Callable[[], Awaitable[None]],
    failures: BackgroundFailures,
    seconds: float,
) -> None:
    while True:
        await asyncio.sleep(failures.rest(name, seconds, _LONGEST_REST_SECONDS))
        await _once(name, action, failures)


async def startup_probe(
    probes: Iterable[Callable[[], Awaitable[None]]],
    can_answer: Callable[[], bool],
    failures: BackgroundFailures,
    *,
    seconds: float,
    probe_seconds: float,
) -> bool:
    """Return when all probes succeed, or when the time is up; whether they did.

    They are repeated beside requests. After some seconds it is enough that requests can be
    answered from a copy. A probe that fails though PostgreSQL answers is reported to `failures`.
    """
    probes, began_at, is_reported = tuple(probes), time.monotonic(), False
    while (error := await _failure(probes, probe_seconds)) is not None:
        away = isinstance(error, StoreUnavailableError)
        if not away:
            failures.failed(_WORK, error)
        waited = time.monotonic() - began_at
        if waited >= seconds or (waited >= _CONTENT_AFTER_SECONDS and can_answer()):
            log.warning(
                "started_without_postgres" if away else "started_after_failed_probe",
                error=str(error),
            )
            break
        if away and not is_reported:
            log.warning("waiting_for_postgres", seconds=seconds, error=str(error))
            is_reported = True
        await asyncio.sleep(_PAUSE_SECONDS)
    # From now on it is the work beside the requests that reports whether the same probes fail.
    failures.forget(_WORK)
    return error is None


async def _failure(
    probes: Iterable[Callable[[], Awaitable[None]]], probe_seconds: float
) -> Exception | None:
    """Run all probes; what went wrong, or None."""
    try:
        for probe in probes:
            with spending(Budget.of("background", probe_seconds, probing=True)):
                await probe()
    except Exception as error:  # noqa: BLE001 -- whatever it is, the next probe may succeed
        return error
    return None
