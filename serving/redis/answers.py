"""Cached answers in Redis. When it is away there are none, and that is all."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from domain.identifiers import UserNo
from domain.redis_keys import (
    CLOCK,
    DROP_ANSWERS,
    MOVE_CLOCK,
    VERSION_SECONDS,
    WAKE_CHANNEL,
    keys_to_drop,
    user_entry,
    user_version,
)
from serving.redis.redis_link import CATALOGUE, GENERATION, Moment, RedisLink
from serving.runtime.metrics import ServingMetrics

# A version that a new answer will be compared with must not expire and start again meanwhile. A
# Redis that has lost everything gets a generation it never had: no answer from before its loss
# counts.
_FIND = """
redis.call('EXPIRE', KEYS[2], ARGV[2])
local version, generation = redis.call('GET', KEYS[2]), redis.call('GET', KEYS[3])
if not generation then
    generation = ARGV[3]
    redis.call('SET', KEYS[3], generation)
end
return {redis.call('HGET', KEYS[1], ARGV[1]), version, generation, redis.call('GET', KEYS[4])}
"""

# The expiry is that of the oldest answer in the hash: writing another one does not prolong it.
_STORE = """
if (redis.call('GET', KEYS[2]) or '') ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
if redis.call('TTL', KEYS[1]) < 0 then redis.call('EXPIRE', KEYS[1], ARGV[4]) end
return 1
"""

_ADVANCE_CLOCK = f"""
{MOVE_CLOCK}
local generation = redis.call('GET', KEYS[2])
if not generation then
    generation = ARGV[1]
    redis.call('SET', KEYS[2], generation)
end
return {{clock, generation, redis.call('GET', KEYS[3])}}
"""


@dataclass(frozen=True, slots=True)
class CacheVersion:
    """What tells data read before a user's answers were dropped from data read after."""

    user_version: bytes
    generation: bytes
    reachable: bool = True
    """False: Redis was away, and the answer is not stored."""
    catalogue: bytes = b""
    """Another one after each change of items that must be seen at once."""


NOT_STORED = CacheVersion(b"", b"", reachable=False)
"""For what is not stored in any case."""


@dataclass(frozen=True, slots=True)
class CacheClock:
    """The time of drops, and the generation it counts in."""

    clock: int
    generation: bytes
    catalogue: bytes
    """See `CacheVersion`."""


class Answers:
    """Finds, stores and drops cached answers; never raises because Redis is away."""

    def __init__(self, link: RedisLink, metrics: ServingMetrics, *, seconds: int) -> None:
        self._link = link
        self._metrics = metrics
        self._seconds = seconds

    @property
    def away(self) -> bool:
        """Whether Redis could not be reached when last asked."""
        return self._link.away

    async def find(self, user_no: UserNo, field: str) -> tuple[bytes | None, CacheVersion]:
        """A user's cached answer, or None, and the version to store a new one with."""
        keys = (user_entry(user_no), user_version(user_no), GENERATION, CATALOGUE)
        new_generation = secrets.token_hex(8)
        found = await self._link.ask(
            "EVAL", _FIND, 4, *keys, field, VERSION_SECONDS, new_generation
        )
        if found is None:
            self._note_missing()
            return None, self.version_without_redis()
        entry, current, generation, catalogue = found
        version = CacheVersion(current or b"", generation, catalogue=catalogue or b"")
        return unsealed(entry, version), version

    async def find_batched(self, user_no: UserNo, field: str) -> tuple[bytes | None, Moment] | None:
        """A user's entry as cheaply as can be; None: `find` must tell."""
        return await self._link.ask_batched("HGET", user_entry(user_no), field)

    async def store(
        self, user_no: UserNo, field: str, answer: bytes, version: CacheVersion
    ) -> bool:
        """Keep an answer, unless the user's answers were dropped since the version was taken."""
        if not version.reachable or not self._link.converged:
            return False
        keys = (user_entry(user_no), user_version(user_no))
        sealed = _seal(version) + answer
        stored = await self._link.ask(
            "EVAL", _STORE, 2, *keys, field, version.user_version, sealed, self._seconds
        )
        return bool(stored)

    async def drop(self, user_nos: Sequence[UserNo]) -> int | None:
        """Drop the answers of these users, and wake the speed worker; answers how many there were.

        When this returns none of them counts any more, in no process that reaches Redis as this
        one. None: Redis is away.
        """
        keys = keys_to_drop(user_nos)
        command = ("EVAL", DROP_ANSWERS, len(keys), *keys, VERSION_SECONDS, WAKE_CHANNEL)
        dropped: int | None = await self._link.ask_twice(*command)
        if dropped is None:
            self._link.add_pending_invalidation()
        return dropped

    async def drop_all(self) -> None:
        """Drop the answers of all users."""
        if await self._link.ask_with_retry("SET", GENERATION, secrets.token_hex(8)) is None:
            self._link.add_pending_invalidation()

    async def note_catalogue_change(self) -> None:
        """Tell all processes that items changed, before they take anything from the cache.

        To be called after the change is committed. When this returns no process that reaches Redis
        as this one gives a cached list without having read the change.
        """
        if await self._link.ask_with_retry("SET", CATALOGUE, secrets.token_hex(8)) is None:
            self._link.add_pending_invalidation()

    async def advance_clock(self) -> CacheClock | None:
        """The time of drops, later than that of all drops before; None when Redis is away."""
        new_generation = secrets.token_hex(8)
        keys = (CLOCK, GENERATION, CATALOGUE)
        reply = await self._link.ask("EVAL", _ADVANCE_CLOCK, 3, *keys, new_generation)
        return None if reply is None else CacheClock(int(reply[0]), reply[1], reply[2] or b"")

    def version_without_redis(self) -> CacheVersion:
        """A version for what is not stored, another one after each drop that could not be made."""
        return CacheVersion(b"", str(self._link.invalidations_due).encode(), reachable=False)

    async def version_of_all(self) -> CacheVersion:
        """A version for what does not depend on a user, and is not stored."""
        found = await self._link.ask("MGET", GENERATION, CATALOGUE)
        generation, catalogue = found or (None, None)
        return CacheVersion(
            b"", generation or b"", reachable=generation is not None, catalogue=catalogue or b""
        )

    def _note_missing(self) -> None:
        left_alone = self._link.breaker.state != "closed"
        self._metrics.degraded.labels("redis_open" if left_alone else "redis_away").inc()


def _seal(version: CacheVersion) -> bytes:
    """What a stored answer begins with, so that it counts in its own generation only."""
    return version.generation + b"|"


def unsealed(entry: bytes | None, version: CacheVersion) -> bytes | None:
    """The answer in an entry; None: there is none, or it was dropped with all others."""
    seal = _seal(version)
    return entry[len(seal) :] if entry is not None and entry.startswith(seal) else None
