"""What goes wrong with Redis: logged once each, and kept for whoever asks what is wrong."""

import time
from dataclasses import dataclass

import structlog

from serving.runtime.breaker import Breaker
from serving.runtime.metrics import ServingMetrics

log = structlog.get_logger()

_LATELY_SECONDS = 60.0
"""A refusal that is older says nothing of now."""


@dataclass(frozen=True, slots=True)
class RedisHealth:
    """How it stands with Redis; times are seconds until now."""

    fault: str
    """Why it was away when last asked; empty if it was not, or nothing is known."""
    seconds_away: float | None
    """None: it answered when last asked."""
    seconds_left_alone: float | None
    """For how long it has been asked less or not at all for its failures; None: it is asked."""
    refusal: str | None
    """What it said when it lately refused a command."""
    seconds_refusing: float | None
    """Since the first of the refusals that came close to each other."""


class RedisFaults:
    """Counts and logs what one way to Redis meets."""

    def __init__(self, metrics: ServingMetrics) -> None:
        self._metrics = metrics
        self._fault = ""
        self._refusal = ""
        self._refusing_since = 0.0
        self._refused_at: float | None = None
        self._failed_at = float("-inf")
        self.failing_since: float | None = None
        """None: it answered when last asked."""

    def note_refusal(self, error: Exception) -> None:
        """Redis is there, and will not do what it is asked."""
        self._metrics.cache.labels("error").inc()
        now, refusal = time.monotonic(), _first_line(error)
        lately = self._refused_lately(now)
        if not lately or refusal != self._refusal:
            log.warning("redis_refused", error=str(error))
        if not lately:
            self._refusing_since = now
        self._refused_at, self._refusal = now, refusal

    def note_failure(self, error: Exception) -> None:
        """Redis is away, or too slow."""
        self._metrics.cache.labels("error").inc()
        self._fault = _first_line(error)
        self._failed_at = time.monotonic()
        if self.failing_since is None:
            log.warning("redis_away", error=str(error) or type(error).__name__)
            self.failing_since = self._failed_at

    def note_success(self) -> None:
        """Redis answered."""
        if self.failing_since is not None:
            log.info("redis_back")
        self.failing_since = None
        self._fault = ""

    def failed_within(self, seconds: float) -> bool:
        """Whether there was a failure in the last so many seconds."""
        return time.monotonic() - self._failed_at <= seconds

    def health(self, breaker: Breaker) -> RedisHealth:
        """How it stands now."""
        now = time.monotonic()
        refused = self._refused_lately(now)
        return RedisHealth(
            fault=self._fault,
            seconds_away=None if self.failing_since is None else now - self.failing_since,
            seconds_left_alone=breaker.seconds_not_closed,
            refusal=self._refusal if refused else None,
            seconds_refusing=now - self._refusing_since if refused else None,
        )

    def _refused_lately(self, now: float) -> bool:
        return self._refused_at is not None and now - self._refused_at <= _LATELY_SECONDS


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).partition("\n")[0].rstrip(".")
