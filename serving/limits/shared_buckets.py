"""Buckets that all processes lease tokens of, in Redis."""

import hashlib
from dataclasses import dataclass
from typing import Final

from serving.limits.token_bucket import RateLimit
from serving.redis.redis_link import RedisLink

BucketKey = int | str
"""Whose bucket: the number of an API key, or a text."""

LEASE: Final = """
local burst, rate = tonumber(ARGV[1]), tonumber(ARGV[2])
local wanted, returned = tonumber(ARGV[3]), tonumber(ARGV[4])
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local bucket = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local tokens = tonumber(bucket[1] or burst)
local passed = math.max(now - tonumber(bucket[2] or now), 0)
tokens = math.min(burst, tokens + passed * rate + returned)
local granted = math.min(wanted, math.floor(tokens))
tokens = string.format('%.9f', tokens - granted)
redis.call('HSET', KEYS[1], 'tokens', tokens, 'at', string.format('%.6f', now))
redis.call('PEXPIRE', KEYS[1], math.ceil((burst - tokens) / rate * 1000) + 1000)
return {granted, tokens}
"""
"""Leases up to so many whole tokens; returns how many, and what is left.

A bucket that is full needs no key: a second after that it is gone.
"""

_KEY_BYTES = 16


@dataclass(frozen=True, slots=True)
class Lease:
    """Tokens that one process may hand out."""

    granted: int
    left: float
    """Tokens that stayed in the bucket."""


class SharedBuckets:
    """Leases tokens; the clock is that of Redis."""

    def __init__(self, redis: RedisLink) -> None:
        self._redis = redis

    @property
    def away(self) -> bool:
        """Whether Redis could not be reached when last asked."""
        return self._redis.away

    async def lease(
        self, limit: RateLimit, bucket_key: BucketKey, *, wanted: int, returned: int
    ) -> Lease | None:
        """Up to `wanted` tokens for `returned` unused ones; None if Redis is away or too slow."""
        reply = await self._redis.ask(
            "EVAL", LEASE, 1, redis_key(limit, bucket_key),
            limit.burst, limit.per_second, wanted, returned,
        )  # fmt: skip
        return None if reply is None else Lease(int(reply[0]), float(reply[1]))


def redis_key(limit: RateLimit, bucket_key: BucketKey) -> str:
    """Where the bucket is; a text is hashed, for it may be somebody's address or name."""
    if isinstance(bucket_key, str):
        digest = hashlib.blake2b(bucket_key.encode(), digest_size=_KEY_BYTES)
        return f"tandem:limit:{limit.name}:{digest.hexdigest()}"
    return f"tandem:limit:{limit.name}:{bucket_key}"
