"""Cached answers in Redis. When it is away there are none, and that is all."""

import time
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import structlog
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from domain.identifiers import UserNo
from domain.redis_keys import VERSION_SECONDS, WAKE_CHANNEL, user_entry, user_version
from serving.metrics import ServingMetrics

log = structlog.get_logger()

EPOCH = "tandem:answers-epoch"
"""A counter in the validity of every answer: raising it drops the answers of all users."""

# A version that a new answer will be compared with must not expire and start again meanwhile.
_FIND = """
redis.call('EXPIRE', KEYS[2], ARGV[2])
local version, epoch = redis.call('GET', KEYS[2]), redis.call('GET', KEYS[3])
return {redis.call('HGET', KEYS[1], ARGV[1]), version, epoch}
"""

# The expiry is that of the oldest answer in the hash: writing another one does not prolong it.
_STORE = """
if (redis.call('GET', KEYS[2]) or '') ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
if redis.call('TTL', KEYS[1]) < 0 then redis.call('EXPIRE', KEYS[1], ARGV[4]) end
return 1
"""

_DROP = """
for i = 1, #KEYS, 2 do
    redis.call('INCR', KEYS[i])
    redis.call('EXPIRE', KEYS[i], ARGV[1])
    redis.call('DEL', KEYS[i + 1])
end
return redis.call('PUBLISH', ARGV[2], '')
"""


@dataclass(frozen=True, slots=True)
class Stamp:
    """What tells data read before a user's answers were dropped from data read after."""

    version: bytes
    epoch: bytes
    reachable: bool = True
    """False: Redis was away, and the answer is not stored."""


class Answers:
    """Finds, stores and drops cached answers; never raises because Redis is away."""

    def __init__(
        self, client: Redis, metrics: ServingMetrics, *, seconds: int, rest_seconds: float
    ) -> None:
        self._client = client
        self._metrics = metrics
        self._seconds = seconds
        self._rest_seconds = rest_seconds
        self._resting_until = 0.0
        self._away = False
        self._lost_drops = 0
        self._owes_epoch = False

    @classmethod
    def at(
        cls,
        redis_url: str,
        metrics: ServingMetrics,
        *,
        seconds: int,
        timeout_seconds: float,
        rest_seconds: float,
    ) -> "Answers":
        """Answers in the Redis at this address; nothing is opened yet."""
        client = Redis.from_url(
            redis_url,
            socket_timeout=timeout_seconds,
            socket_connect_timeout=timeout_seconds,
            # Asking again costs more than PostgreSQL's answer.
            retry=Retry(NoBackoff(), 0),
            protocol=2,
        )
        return cls(client, metrics, seconds=seconds, rest_seconds=rest_seconds)

    @property
    def away(self) -> bool:
        """Whether Redis could not be reached when last asked."""
        return self._away

    async def find(self, user_no: UserNo, field: str) -> tuple[bytes | None, Stamp]:
        """A user's cached answer, or None, and the stamp to store a new one with."""
        keys = (user_entry(user_no), user_version(user_no), EPOCH)
        found = await self._ask("EVAL", _FIND, 3, *keys, field, VERSION_SECONDS)
        if found is None:
            return None, Stamp(b"", str(self._lost_drops).encode(), reachable=False)
        entry, version, epoch = found
        stamp = Stamp(version or b"", epoch or b"")
        if entry is None or not entry.startswith(_seal(stamp)):
            return None, stamp
        return entry[len(_seal(stamp)) :], stamp

    async def store(self, user_no: UserNo, field: str, answer: bytes, stamp: Stamp) -> bool:
        """Keep an answer, unless the user's answers were dropped since the stamp was taken."""
        if not stamp.reachable:
            return False
        keys = (user_entry(user_no), user_version(user_no))
        sealed = _seal(stamp) + answer
        stored = await self._ask(
            "EVAL", _STORE, 2, *keys, field, stamp.version, sealed, self._seconds
        )
        return bool(stored)

    async def drop(self, user_nos: Sequence[UserNo]) -> None:
        """Drop the answers of these users, and wake the speed worker."""
        keys = [key for no in user_nos for key in (user_version(no), user_entry(no))]
        dropped = await self._ask("EVAL", _DROP, len(keys), *keys, VERSION_SECONDS, WAKE_CHANNEL)
        if dropped is None:
            self._lose_drop()

    async def drop_all(self) -> None:
        """Drop the answers of all users."""
        if await self._ask("INCR", EPOCH) is None:
            self._lose_drop()

    async def ping(self) -> bool:
        """Whether Redis answers just now."""
        return await self._ask("PING") is not None

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    def _lose_drop(self) -> None:
        """Redis may hold answers that should be gone: none of them counts when it is back."""
        self._lost_drops += 1
        self._owes_epoch = True

    async def _ask(self, *command: Any) -> Any:
        """What Redis answers; None when it is away or being left alone."""
        if time.monotonic() < self._resting_until:
            return None
        try:
            if self._owes_epoch:
                await self._execute("INCR", EPOCH)
                self._owes_epoch = False
            answer = await self._execute(*command)
        except (RedisError, OSError) as error:
            self._note_failure(error)
            return None
        self._note_success()
        return answer

    def _execute(self, *command: Any) -> Awaitable[Any]:
        # redis-py's types leave this method out.
        return cast("Awaitable[Any]", self._client.execute_command(*command))  # type: ignore[no-untyped-call]

    def _note_failure(self, error: Exception) -> None:
        self._metrics.cache.labels("error").inc()
        self._resting_until = time.monotonic() + self._rest_seconds
        if not self._away:
            log.warning("redis_away", error=str(error))
        self._away = True

    def _note_success(self) -> None:
        if self._away:
            log.info("redis_back")
        self._away = False


def _seal(stamp: Stamp) -> bytes:
    """What a stored answer begins with, so that it counts in its own epoch only."""
    return stamp.epoch + b"|"
