"""Copies in Redis of a process's fallback, for one that is started while PostgreSQL is away."""

import hashlib
from collections.abc import Iterable

import orjson

from serving.redis.answers import Answers

_POPULAR = "tandem:fallback:popular"
_DIGEST = "tandem:fallback:popular-digest"
_READERS = "tandem:fallback:readers"

# A copy may have a megabyte, and the processes mostly have the same: what is there already is not
# sent again. While the catalogue changes they differ for a moment, and each may send its own.
_PROLONG = """
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
redis.call('EXPIRE', KEYS[2], ARGV[2])
return redis.call('EXPIRE', KEYS[1], ARGV[2])
"""

_STORE = """
redis.call('SET', KEYS[1], ARGV[3], 'EX', ARGV[2])
redis.call('SET', KEYS[2], ARGV[1], 'EX', ARGV[2])
"""


class FallbackCopies:
    """Stores and finds copies; without Redis there are none."""

    def __init__(self, answers: Answers, *, seconds: int) -> None:
        self._answers = answers
        self._seconds = seconds

    async def store_popular(self, encoded: bytes) -> None:
        """Keep the fallback list."""
        said = (hashlib.blake2b(encoded).digest(), self._seconds)
        prolonged = await self._answers.ask("EVAL", _PROLONG, 2, _POPULAR, _DIGEST, *said)
        if prolonged == 0:
            # So much takes longer than a command may, which says nothing of Redis.
            await self._answers.ask_unchecked("EVAL", _STORE, 2, _POPULAR, _DIGEST, *said, encoded)

    async def find_popular(self) -> bytes | None:
        """The fallback list some process stored last."""
        found: bytes | None = await self._answers.ask_unchecked("GET", _POPULAR)
        return found

    async def store_readers(self, key_hashes: Iterable[bytes]) -> None:
        """Keep the hashes of the keys that may read."""
        encoded = orjson.dumps(sorted(key_hash.hex() for key_hash in key_hashes))
        await self._answers.ask("SET", _READERS, encoded, "EX", self._seconds)

    async def find_readers(self) -> frozenset[bytes]:
        """The hashes of the keys that could read when a process last looked."""
        found = await self._answers.ask("GET", _READERS)
        return frozenset(map(bytes.fromhex, orjson.loads(found))) if found else frozenset()
