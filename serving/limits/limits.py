"""The limits of each kind of caller."""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from starlette.types import Scope

from serving.limits.client_addresses import client_address
from serving.limits.limiter import Limiter
from serving.limits.rate_limit_headers import rate_limit_headers
from serving.limits.shared_buckets import BucketKey
from serving.limits.token_bucket import RateLimit
from serving.runtime.faults import RateLimitedError
from serving.runtime.metrics import ServingMetrics

_ADDRESS: Final = "address"
_KEY: Final = "key"
_USER: Final = "user"
_WHOSE = {
    _ADDRESS: "Requests without a valid key or token from this address are",
    _KEY: "The requests of this API key are",
    _USER: "The requests of this user's tokens are",
}


@dataclass(frozen=True, slots=True)
class RequestsPerMinute:
    """What callers may ask in a minute who have no limit of their own; 0: as much as they like."""

    address: int
    """Of one client address, without a valid key or token."""
    key: int
    user: int
    """By the tokens of one user, all together."""


class Limits:
    """Counts a request of a caller, and refuses it with RateLimitedError if it is one too many.

    What the answer is to say of the limit is put into the request's state.
    """

    def __init__(
        self, limiter: Limiter, per_minute: RequestsPerMinute, metrics: ServingMetrics
    ) -> None:
        self._limiter = limiter
        self.per_minute = per_minute
        self._metrics = metrics

    async def check_key(self, state: dict[str, Any], key_id: int, per_minute: int | None) -> None:
        """Count a request with this key; `per_minute`: 0: no limit, None: that of the settings."""
        most = self.per_minute.key if per_minute is None else per_minute
        if most:
            await self._check(state, _limit(_KEY, most), key_id)

    def try_key(self, state: dict[str, Any], key_id: int, per_minute: int | None) -> bool:
        """Whether a request with this key was counted; False: nothing was, and `check_key` tells.

        Nobody is asked.
        """
        most = self.per_minute.key if per_minute is None else per_minute
        if not most:
            return True
        taken = self._limiter.try_take(_limit(_KEY, most), key_id)
        if taken is None or not taken.allowed:
            return False
        state["rate_limit"] = rate_limit_headers(taken)
        return True

    async def check_user(self, state: dict[str, Any], user_id: str) -> None:
        """Count a request with a token of this user."""
        if self.per_minute.user:
            await self._check(state, _limit(_USER, self.per_minute.user), user_id)

    async def check_address(self, scope: Scope) -> None:
        """Count a request without a valid key or token."""
        if self.per_minute.address:
            limit = _limit(_ADDRESS, self.per_minute.address)
            await self._check(scope["state"], limit, client_address(scope))

    def is_guessing(self, scope: Scope) -> bool:
        """Whether this address has sent so much without a valid key that it is refused now.

        As far as this process knows; nothing is counted.
        """
        if not self.per_minute.address:
            return False
        limit = _limit(_ADDRESS, self.per_minute.address)
        return self._limiter.is_empty(limit, client_address(scope))

    async def _check(self, state: dict[str, Any], limit: RateLimit, bucket_key: BucketKey) -> None:
        taken = self._limiter.try_take(limit, bucket_key)
        if taken is None:
            taken = await self._limiter.take(limit, bucket_key)
        state["rate_limit"] = rate_limit_headers(taken)
        if not taken.allowed:
            self._metrics.rate_limited.labels(limit.name).inc()
            raise _refusal(limit, taken.reset_seconds)


@lru_cache(maxsize=256)
def _limit(name: str, per_minute: int) -> RateLimit:
    """What a minute allows may be asked at once."""
    return RateLimit(name, per_minute, burst=per_minute)


def _refusal(limit: RateLimit, seconds: float) -> RateLimitedError:
    retry_after = max(math.ceil(seconds), 1)
    return RateLimitedError(
        f"{_WHOSE[limit.name]} limited to {limit.per_minute:,} a minute."
        f" Come back in {retry_after:,} s.",
        retry_after_seconds=retry_after,
    )
