"""The arithmetic of a token bucket."""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

_LOTS = 20
_MINUTE_SECONDS = 60


@dataclass(frozen=True)
class RateLimit:
    """How many requests a bucket lets pass: `burst` at once, and `per_minute` in the long run."""

    name: str
    """Whom it limits, as headers and metrics name it."""
    per_minute: int
    """At least 1; refilled continuously."""
    burst: int
    """At least 1."""

    @cached_property
    def per_second(self) -> float:
        """Tokens that come back in a second."""
        return self.per_minute / _MINUTE_SECONDS

    @cached_property
    def lot(self) -> int:
        """How many tokens a process leases at once, and the most it holds unused.

        A twentieth of the burst: with four processes a limit is exceeded by a fifth at the most.
        """
        return max(self.burst // _LOTS, 1)


class Taken(NamedTuple):
    """What became of one request's try to take a token."""

    limit: RateLimit
    allowed: bool
    remaining: int
    """Tokens left, as far as this process knows: others may have taken some since."""
    reset_seconds: float
    """Until the bucket is full again; of a refusal, until the next token is there."""


class TokenBucket:
    """A bucket in the memory of this process; times are seconds on any clock that only rises.

    The script of `SharedBuckets` reckons alike.
    """

    __slots__ = ("_counted_at", "tokens")

    def __init__(self, tokens: float, now: float) -> None:
        self.tokens = tokens
        self._counted_at = now

    def refill(self, limit: RateLimit, now: float, *, returned: int = 0) -> None:
        """Add what came back since, and what was leased and is returned."""
        # tokens = min(burst, tokens + seconds · rate + returned)
        passed = max(now - self._counted_at, 0.0)
        self.tokens = min(limit.burst, self.tokens + passed * limit.per_second + returned)
        self._counted_at = now

    def take(self, limit: RateLimit, wanted: int, now: float, *, returned: int = 0) -> int:
        """Take up to so many whole tokens; how many there were."""
        self.refill(limit, now, returned=returned)
        granted = min(wanted, int(self.tokens))
        self.tokens -= granted
        return granted

    def spend(self, limit: RateLimit, now: float) -> None:
        """Count a token that was granted elsewhere."""
        self.refill(limit, now)
        self.tokens = max(self.tokens - 1, 0.0)


def seconds_to_token(limit: RateLimit, tokens: float) -> float:
    """Until there is a whole one; 0 if there is."""
    return max((1 - tokens) / limit.per_second, 0.0)


def seconds_to_full(limit: RateLimit, tokens: float) -> float:
    """Until the bucket is full again."""
    return max((limit.burst - tokens) / limit.per_second, 0.0)
