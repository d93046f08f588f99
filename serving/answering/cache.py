"""The cache of lists: a user's own, and those that are the same for everybody."""

import time
from dataclasses import dataclass

from domain.identifiers import UserNo
from serving.redis.answers import Answers, CacheVersion
from serving.repositories.shared_answers import SharedAnswers


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

    def __init__(self, answers: Answers, *, seconds: int) -> None:
        self._answers = answers
        self._shared = SharedAnswers(answers, seconds=seconds)

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
