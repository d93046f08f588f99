"""Cached answers that are the same for everybody, each under a key of its own."""

import hashlib
import secrets

from serving.repositories.answers import Answers, Stamp
from serving.repositories.redis_link import EPOCH

# As for a user's answers: what was kept in another epoch does not count.
_FIND = """
local epoch = redis.call('GET', KEYS[2])
if not epoch then
    epoch = ARGV[1]
    redis.call('SET', KEYS[2], epoch)
end
return {redis.call('GET', KEYS[1]), epoch}
"""

# What was read before all answers were dropped is not kept after it.
_STORE = """
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1] .. '|' .. ARGV[2], 'EX', ARGV[3])
return 1
"""


class SharedAnswers:
    """Finds and stores such answers; never raises because Redis is away."""

    def __init__(self, answers: Answers, *, seconds: int) -> None:
        self._answers = answers
        self._seconds = seconds

    async def find(self, field: str) -> tuple[bytes | None, Stamp]:
        """An answer, or None, and the stamp to store a new one with."""
        found = await self._answers.ask("EVAL", _FIND, 2, _key(field), EPOCH, secrets.token_hex(8))
        if found is None:
            return None, self._answers.stamp_without_redis()
        entry, epoch = found
        seal = epoch + b"|"
        kept = entry[len(seal) :] if entry is not None and entry.startswith(seal) else None
        return kept, Stamp(b"", epoch)

    async def store(self, field: str, answer: bytes, stamp: Stamp) -> None:
        """Keep an answer, unless all answers were dropped since the stamp was taken."""
        if stamp.reachable and self._answers.settled:
            await self._answers.ask(
                "EVAL", _STORE, 2, _key(field), EPOCH, stamp.epoch, answer, self._seconds
            )


def _key(field: str) -> str:
    """Fields hold what people type, so a key is made of as many bytes whatever they typed."""
    return f"tandem:shared:{hashlib.sha256(field.encode()).hexdigest()}"
