"""Copies in Redis of what a process holds, for one that is started while PostgreSQL is away."""

from collections.abc import Iterable

import orjson

from serving.repositories.answers import Answers

_POPULAR = "tandem:held:popular"
_READERS = "tandem:held:readers"


class HeldCopies:
    """Stores and finds copies; without Redis there are none."""

    def __init__(self, answers: Answers, *, seconds: int) -> None:
        self._answers = answers
        self._seconds = seconds

    async def store_popular(self, encoded: bytes) -> None:
        """Keep the held popular list."""
        await self._answers.ask("SET", _POPULAR, encoded, "EX", self._seconds)

    async def find_popular(self) -> bytes | None:
        """The list some process held last."""
        found: bytes | None = await self._answers.ask("GET", _POPULAR)
        return found

    async def store_readers(self, key_hashes: Iterable[bytes]) -> None:
        """Keep the hashes of the keys that may read."""
        encoded = orjson.dumps(sorted(key_hash.hex() for key_hash in key_hashes))
        await self._answers.ask("SET", _READERS, encoded, "EX", self._seconds)

    async def find_readers(self) -> frozenset[bytes]:
        """The hashes of the keys that could read when a process last looked."""
        found = await self._answers.ask("GET", _READERS)
        return frozenset(map(bytes.fromhex, orjson.loads(found))) if found else frozenset()
