"""Who lends tokens in the memory of a test, on a clock that the test moves."""

import asyncio
from dataclasses import dataclass, field

from serving.limits.limiter import Limiter
from serving.limits.shared_buckets import BucketKey, Lease
from serving.limits.token_bucket import RateLimit, TokenBucket


@dataclass
class Clock:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class LenderInMemory:
    clock: Clock
    away: bool = False
    buckets: dict[BucketKey, TokenBucket] = field(default_factory=dict)
    asked: list[tuple[int, int]] = field(default_factory=list)
    """What was wanted and what was returned each time."""

    async def lease(
        self, limit: RateLimit, bucket_key: BucketKey, *, wanted: int, returned: int
    ) -> Lease | None:
        # As Redis would: others come in between.
        await asyncio.sleep(0)
        if self.away:
            return None
        self.asked.append((wanted, returned))
        full = TokenBucket(limit.burst, self.clock())
        bucket = self.buckets.setdefault(bucket_key, full)
        granted = bucket.take(limit, wanted, self.clock(), returned=returned)
        return Lease(granted, bucket.tokens)


def limiter_on(lender: LenderInMemory, *, most_buckets: int = 100) -> Limiter:
    return Limiter(lender, timeout_seconds=60, clock=lender.clock, most_buckets=most_buckets)


async def others_go_on() -> None:
    """Let what was begun beside the requests come to its end."""
    for _ in range(10):
        await asyncio.sleep(0)
