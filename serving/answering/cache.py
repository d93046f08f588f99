"""The cache of lists: a user's own, and those that are the same for everybody."""

import hashlib
import secrets
import time
from dataclasses import dataclass

from domain.identifiers import UserNo
from serving.redis.answers import Answers, CacheVersion
from serving.redis.redis_link import GENERATION, RedisLink

# As for a user's answers: what was kept in another generation does not count.
_FIND = """
local generation = redis.call('GET', KEYS[2])
if not generation then
    generation = ARGV[1]
    redis.call('SET', KEYS[2], generation)
end
return {redis.call('GET', KEYS[1]), generation}
"""

# What was read before all answers were dropped is not kept after it.
_STORE = """
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1] .. '|' .. ARGV[2], 'EX', ARGV[3])
return 1
"""


class SharedAnswers:
    """Finds and stores such answers; never raises because Redis is away."""

    def __init__(self, answers: Answers, link: RedisLink, *, seconds: int) -> None:
        self._answers = answers
        self._link = link
        self._seconds = seconds

    async def find(self, field: str) -> tuple[bytes | None, CacheVersion]:
        """An answer, or None, and the version to store a new one with."""
        found = await self._link.ask(
            "EVAL", _FIND, 2, _key(field), GENERATION, secrets.token_hex(8)
        )
        if found is None:
            return None, self._answers.version_without_redis()
        entry, generation = found
        seal = generation + b"|"
        kept = entry[len(seal) :] if entry is not None and entry.startswith(seal) else None
        return kept, CacheVersion(b"", generation)

    async def store(self, field: str, answer: bytes, version: CacheVersion) -> None:
        """Keep an answer, unless all answers were dropped since the version was taken."""
        if version.reachable and self._link.converged:
            await self._link.ask(
                "EVAL",
                _STORE,
                2,
                _key(field),
                GENERATION,
                version.generation,
                answer,
                self._seconds,
            )


def _key(field: str) -> str:
    """Fields hold what people type, so a key is made of as many bytes whatever they typed."""
    return f"tandem:shared:{hashlib.sha256(field.encode()).hexdigest()}"


@dataclass(frozen=True, slots=True)
class Cached:
    """What was found in the cache."""

    encoded: bytes | None
    """None: nothing is cached."""
    made_at: float
    """Seconds since 1970."""
    version: CacheVersion
    """To store a new list with."""

    def is_fresh(self, seconds: float) -> bool:
        """Whether something is cached, and was made so lately."""
        return self.encoded is not None and time.time() - self.made_at < seconds


class AnswerCache:
    """Finds and stores lists; without Redis nothing is found and nothing is stored."""

    def __init__(self, answers: Answers, link: RedisLink, *, seconds: int) -> None:
        self._answers = answers
        self._shared = SharedAnswers(answers, link, seconds=seconds)

    @property
    def away(self) -> bool:
        """Whether Redis could not be reached when last asked."""
        return self._answers.away

    async def find(self, user_no: UserNo | None, key: str) -> Cached:
        """The cached list of a user; None: of everybody the log does not know."""
        if user_no is None:
            found, version = await self._shared.find(key)
        else:
            found, version = await self._answers.find(user_no, key)
        if found is None:
            return Cached(None, 0.0, version)
        made_at, _, encoded = found.partition(b" ")
        return Cached(encoded, float(made_at), version)

    async def store(
        self, user_no: UserNo | None, key: str, encoded: bytes, version: CacheVersion
    ) -> None:
        """Cache a list, unless the user's lists were dropped since the version was taken."""
        entry = b"%.3f %b" % (time.time(), encoded)
        if user_no is None:
            await self._shared.store(key, entry, version)
        else:
            await self._answers.store(user_no, key, entry, version)
