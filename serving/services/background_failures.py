"""What fails beside the requests, where no request reports it."""

from dataclasses import replace
from datetime import UTC, datetime

import structlog

from domain.errors import StoreUnavailableError
from serving.metrics import ServingMetrics
from serving.services.diagnosis.process import FailingWork

log = structlog.get_logger()

_MOST_DOUBLINGS = 10


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
