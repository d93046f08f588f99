"""Cached answers in Redis. When it is away there are none, and that is all."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

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
from serving.metrics import ServingMetrics
from serving.repositories.redis_faults import RedisHealth
from serving.repositories.redis_link import EPOCH, RedisLink

# A version that a new answer will be compared with must not expire and start again meanwhile. A
# Redis that has lost everything gets an epoch it never had: no answer from before its loss counts.
_FIND = """
redis.call('EXPIRE', KEYS[2], ARGV[2])
local version, epoch = redis.call('GET', KEYS[2]), redis.call('GET', KEYS[3])
if not epoch then
    epoch = ARGV[3]
    redis.call('SET', KEYS[3], epoch)
end
return {redis.call('HGET', KEYS[1], ARGV[1]), version, epoch}
"""

# The expiry is that of the oldest answer in the hash: writing another one does not prolong it.
_STORE = """
if (redis.call('GET', KEYS[2]) or '') ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
if redis.call('TTL', KEYS[1]) < 0 then redis.call('EXPIRE', KEYS[1], ARGV[4]) end
return 1
"""

_TELL_CLOCK = f"""
{MOVE_CLOCK}
local epoch = redis.call('GET', KEYS[2])
if not epoch then
    epoch = ARGV[1]
    redis.call('SET', KEYS[2], epoch)
end
return {{clock, epoch}}
"""


@dataclass(frozen=True, slots=True)
class Stamp:
    """What tells data read before a user's answers were dropped from data read after."""

    version: bytes
    epoch: bytes
    reachable: bool = True
    """False: Redis was away, and the answer is not stored."""


NOT_STORED = Stamp(b"", b"", reachable=False)
"""For what is not stored in any case."""


@dataclass(frozen=True, slots=True)
class Clock:
    """The time of drops, and the epoch it was told in."""

    clock: int
    epoch: bytes


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

    @property
    def unsteady(self) -> bool:
        """Whether Redis failed lately, here and so perhaps for others still."""
        return self._link.unsteady

    @property
    def health(self) -> RedisHealth:
        """How it stands with Redis, for whoever asks what is wrong."""
        return self._link.health

    @property
    def settled(self) -> bool:
        """Whether what is kept now is dropped in time: every process knows Redis is back."""
        return self._link.settled

    async def find(self, user_no: UserNo, field: str) -> tuple[bytes | None, Stamp]:
        """A user's cached answer, or None, and the stamp to store a new one with."""
        keys = (user_entry(user_no), user_version(user_no), EPOCH)
        new_epoch = secrets.token_hex(8)
        found = await self._link.ask("EVAL", _FIND, 3, *keys, field, VERSION_SECONDS, new_epoch)
        if found is None:
            self._note_missing()
            return None, self.stamp_without_redis()
        entry, version, epoch = found
        stamp = Stamp(version or b"", epoch)
        if entry is None or not entry.startswith(_seal(stamp)):
            return None, stamp
        return entry[len(_seal(stamp)) :], stamp

    async def store(self, user_no: UserNo, field: str, answer: bytes, stamp: Stamp) -> bool:
        """Keep an answer, unless the user's answers were dropped since the stamp was taken."""
        if not stamp.reachable or not self._link.settled:
            return False
        keys = (user_entry(user_no), user_version(user_no))
        sealed = _seal(stamp) + answer
        stored = await self._link.ask(
            "EVAL", _STORE, 2, *keys, field, stamp.version, sealed, self._seconds
        )
        return bool(stored)

    async def drop(self, user_nos: Sequence[UserNo]) -> int | None:
        """Drop the answers of these users, and wake the speed worker; answers how many there were.

        When this returns none of them counts any more, in no process that reaches Redis as this
        one. None: Redis is away.
        """
        keys = keys_to_drop(user_nos)
        command = ("EVAL", DROP_ANSWERS, len(keys), *keys, VERSION_SECONDS, WAKE_CHANNEL)
        dropped: int | None = await self._link.insist(*command)
        if dropped is None:
            self._link.owe()
        return dropped

    async def drop_all(self) -> None:
        """Drop the answers of all users."""
        if await self._link.insist("SET", EPOCH, secrets.token_hex(8)) is None:
            self._link.owe()

    async def ask(self, *command: Any) -> Any:
        """What Redis answers to a command of a neighbouring repository; None when it is away."""
        return await self._link.ask(*command)

    async def ask_anyway(self, *command: Any) -> Any:
        """The same, though Redis is being left alone."""
        return await self._link.ask_anyway(*command)

    async def insist(self, *command: Any) -> Any:
        """The same with as much patience as a drop has."""
        return await self._link.insist(*command)

    async def tell_clock(self) -> Clock | None:
        """The time of drops, later than that of all drops before; None when Redis is away."""
        new_epoch = secrets.token_hex(8)
        told = await self._link.ask("EVAL", _TELL_CLOCK, 2, CLOCK, EPOCH, new_epoch)
        return None if told is None else Clock(int(told[0]), told[1])

    def stamp_without_redis(self) -> Stamp:
        """A stamp for what is not stored, another one after each drop that could not be made."""
        return Stamp(b"", str(self._link.drops_owed).encode(), reachable=False)

    async def stamp_of_all(self) -> Stamp:
        """A stamp for what does not depend on a user, and is not stored."""
        epoch = await self._link.ask("GET", EPOCH)
        return Stamp(b"", epoch or b"", reachable=epoch is not None)

    async def ping(self) -> bool:
        """Whether Redis answers just now."""
        return await self._link.ask("PING") is not None

    def _note_missing(self) -> None:
        left_alone = self._link.breaker.state != "closed"
        self._metrics.degraded.labels("redis_open" if left_alone else "redis_away").inc()


def _seal(stamp: Stamp) -> bytes:
    """What a stored answer begins with, so that it counts in its own epoch only."""
    return stamp.epoch + b"|"
