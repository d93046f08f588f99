"""Takes tokens for requests: of those this process has leased, mostly without asking Redis."""

import asyncio
import time
from collections.abc import Callable
from contextvars import Context
from typing import Final, Protocol

from cachetools import LRUCache

from serving.limits.shared_buckets import BucketKey, Lease
from serving.limits.token_bucket import (
    RateLimit,
    Taken,
    TokenBucket,
    seconds_to_full,
    seconds_to_token,
)

LAPSE_SECONDS: Final = 10.0
"""Leased tokens that nobody took for so long are given back with the next lease."""
_MOST_BUCKETS: Final = 10_000
"""Of each name; those that were not asked for longest are forgotten here, and not in Redis."""


class Lender(Protocol):
    """Who holds the buckets that processes lease tokens of."""

    @property
    def away(self) -> bool:
        """Whether it is known that nothing can be leased now."""

    async def lease(
        self, limit: RateLimit, bucket_key: BucketKey, *, wanted: int, returned: int
    ) -> Lease | None:
        """Up to `wanted` tokens for `returned` unused ones; None if nobody answers."""


class _LeasedBucket:
    """What this process holds, and knows, of one bucket."""

    __slots__ = ("alone", "lapses_at", "leased", "left", "refused_until", "renewal", "waiting")

    def __init__(self, limit: RateLimit, now: float) -> None:
        self.leased = 0
        self.lapses_at = now
        self.left = float(limit.burst)
        """What stayed in Redis after the last lease."""
        self.refused_until = now
        """Until then there is no token in Redis."""
        self.alone = TokenBucket(limit.burst, now)
        """What this process would grant by itself, and does while Redis is away."""
        self.waiting = 0
        self.renewal: asyncio.Task[bool] | None = None

    def take(self, limit: RateLimit, now: float) -> Taken | None:
        """A leased token, or that there is none to be had; None: Redis must be asked."""
        if self.leased and now < self.lapses_at:
            self.leased -= 1
            self.alone.spend(limit, now)
            return _granted(limit, self.leased + self.left)
        if now < self.refused_until:
            return Taken(limit, False, 0, self.refused_until - now)
        return None

    def take_alone(self, limit: RateLimit, now: float) -> Taken:
        """A token of this process alone."""
        if self.alone.take(limit, 1, now):
            return _granted(limit, self.alone.tokens)
        return Taken(limit, False, 0, seconds_to_token(limit, self.alone.tokens))

    def is_empty(self, limit: RateLimit, now: float, *, away: bool) -> bool:
        """Whether there is no token to be had, as far as is known."""
        if self.leased and now < self.lapses_at:
            return False
        if now < self.refused_until:
            return True
        self.alone.refill(limit, now)
        return away and self.alone.tokens < 1

    def needs_renewal(self, limit: RateLimit, now: float) -> bool:
        """Whether half of the lot is gone and there may be more; not of a lot of one token."""
        return self.leased < limit.lot // 2 and self.renewal is None and now >= self.refused_until

    def lapsed(self, now: float) -> int:
        """How many tokens to give back."""
        if now < self.lapses_at:
            return 0
        lapsed, self.leased = self.leased, 0
        return lapsed

    def add(self, limit: RateLimit, lease: Lease, now: float) -> None:
        """Hold what was leased."""
        self.leased += lease.granted
        self.left = lease.left
        self.lapses_at = now + LAPSE_SECONDS
        self.refused_until = now + seconds_to_token(limit, lease.left)


class Limiter:
    """Token buckets by name and key, shared by all processes as long as Redis is there.

    A process leases a lot of tokens at a time, so all of them together may exceed a limit by one
    lot each. While Redis is away each of them grants the whole limit by itself.
    """

    def __init__(
        self,
        lender: Lender,
        *,
        timeout_seconds: float,
        clock: Callable[[], float] = time.monotonic,
        most_buckets: int = _MOST_BUCKETS,
    ) -> None:
        self._lender = lender
        self._timeout_seconds = timeout_seconds
        self._clock = clock
        self._most_buckets = most_buckets
        # Apart, so that a flood of addresses drives out no key.
        self._buckets: dict[str, LRUCache[BucketKey, _LeasedBucket]] = {}

    def try_take(self, limit: RateLimit, bucket_key: BucketKey) -> Taken | None:
        """Take a token without waiting; None: there may be one, and `take` must ask for it."""
        now = self._clock()
        bucket = self._bucket(limit, bucket_key, now)
        taken = bucket.take(limit, now)
        if taken is None:
            return bucket.take_alone(limit, now) if self._lender.away else None
        if taken.allowed and bucket.needs_renewal(limit, now) and not self._lender.away:
            self._renew(limit, bucket_key, bucket)
        return taken

    def is_empty(self, limit: RateLimit, bucket_key: BucketKey) -> bool:
        """Whether it is known that one more request would be refused; nothing is taken."""
        buckets = self._buckets.get(limit.name)
        bucket = None if buckets is None else buckets.get(bucket_key)
        if bucket is None:
            return False
        return bucket.is_empty(limit, self._clock(), away=self._lender.away)

    async def take(self, limit: RateLimit, bucket_key: BucketKey) -> Taken:
        """Take a token; waits for Redis no longer than a request may."""
        ends_at = self._clock() + self._timeout_seconds
        while (taken := self.try_take(limit, bucket_key)) is None:
            now = self._clock()
            bucket = self._bucket(limit, bucket_key, now)
            if not await self._is_renewed(limit, bucket_key, bucket, ends_at - now):
                return bucket.take_alone(limit, self._clock())
        return taken

    def _bucket(self, limit: RateLimit, bucket_key: BucketKey, now: float) -> _LeasedBucket:
        try:
            return self._buckets[limit.name][bucket_key]
        except KeyError:
            buckets = self._buckets.setdefault(limit.name, LRUCache(self._most_buckets))
            bucket = buckets[bucket_key] = _LeasedBucket(limit, now)
            return bucket

    async def _is_renewed(
        self, limit: RateLimit, bucket_key: BucketKey, bucket: _LeasedBucket, seconds: float
    ) -> bool:
        """Wait for a lease; whether there was an answer in time."""
        bucket.waiting += 1
        try:
            renewal = bucket.renewal or self._renew(limit, bucket_key, bucket)
            await asyncio.wait({renewal}, timeout=max(seconds, 0.0))
        finally:
            bucket.waiting -= 1
        return renewal.done() and not renewal.cancelled() and renewal.result()

    def _renew(
        self, limit: RateLimit, bucket_key: BucketKey, bucket: _LeasedBucket
    ) -> asyncio.Task[bool]:
        # Neither the time nor the id of the request that happens to begin it are its own.
        leasing = self._lease(limit, bucket_key, bucket)
        bucket.renewal = asyncio.create_task(leasing, context=Context())
        return bucket.renewal

    async def _lease(self, limit: RateLimit, bucket_key: BucketKey, bucket: _LeasedBucket) -> bool:
        """Fill the lot up, or lease what those who wait need; whether there was an answer."""
        try:
            returned = bucket.lapsed(self._clock())
            wanted = max(limit.lot - bucket.leased, bucket.waiting)
            lease = await self._lender.lease(limit, bucket_key, wanted=wanted, returned=returned)
            if lease is not None:
                bucket.add(limit, lease, self._clock())
        finally:
            bucket.renewal = None
        return lease is not None


def _granted(limit: RateLimit, tokens: float) -> Taken:
    return Taken(limit, True, int(tokens), seconds_to_full(limit, tokens))
