"""The cache of lists: a user's own, and those that are the same for everybody."""

import hashlib
import math
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cachetools import LRUCache

from domain.identifiers import ItemNo, UserId, UserNo
from serving.answering.catalogue_changes import UNVERSIONED, CatalogueVersion
from serving.redis.answers import Answers, CacheVersion, unsealed
from serving.redis.redis_link import CATALOGUE, GENERATION, Moment, RedisLink

# As for a user's answers: what was kept in another generation does not count.
_FIND = """
local generation = redis.call('GET', KEYS[2])
if not generation then
    generation = ARGV[1]
    redis.call('SET', KEYS[2], generation)
end
return {redis.call('GET', KEYS[1]), generation, redis.call('GET', KEYS[3])}
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
            "EVAL", _FIND, 3, _key(field), GENERATION, CATALOGUE, secrets.token_hex(8)
        )
        if found is None:
            return None, self._answers.version_without_redis()
        entry, generation, catalogue = found
        version = CacheVersion(b"", generation, catalogue=catalogue or b"")
        return unsealed(entry, version), version

    async def find_batched(self, field: str) -> tuple[bytes | None, Moment] | None:
        """An entry as cheaply as can be; None: `find` must tell."""
        return await self._link.ask_batched("GET", _key(field))

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


_MOST_AT_HAND = 4_000
"""Lists that a process has ready to be sent: a list of twenty items takes some 15 kB."""


@dataclass(frozen=True, slots=True)
class Cached:
    """What was found in the cache."""

    encoded: bytes | None
    """None: nothing is cached."""
    version: CacheVersion
    """To store a new list with."""
    made_at: float = 0.0
    """Seconds since 1970."""
    good_until: float = math.inf
    """The same: when the first of its items expires."""
    catalogue_version: CatalogueVersion = UNVERSIONED
    """What it knows of the catalogue."""
    catalogue: bytes = b""
    """Which changes it knows of those that must be seen at once: see `CacheVersion`."""

    @property
    def age_seconds(self) -> float:
        """Since it was made."""
        return round(max(time.time() - self.made_at, 0.0), 3)

    def is_fresh(self, seconds: float) -> bool:
        """Whether something is cached, was made so lately, and has no item that expired."""
        now = time.time()
        return self.encoded is not None and now - self.made_at < seconds and now < self.good_until


@dataclass(slots=True)
class AtHand:
    """A cached list that this process has read before: what it made of it is not made again."""

    entry: bytes
    """As it stands in Redis, which is asked for it again and again."""
    cached: Cached
    result: Any = None
    """The list; None: it was not decoded yet."""
    item_nos: Sequence[ItemNo] = ()
    """Its items."""
    made: Any = None
    """What was made of it for its answers; None: nothing yet."""


class AnswerCache:
    """Finds and stores lists; without Redis nothing is found and nothing is stored."""

    def __init__(self, answers: Answers, link: RedisLink, *, seconds: int) -> None:
        self._answers = answers
        self._shared = SharedAnswers(answers, link, seconds=seconds)
        self._at_hand: LRUCache[tuple[UserId, str], AtHand] = LRUCache(_MOST_AT_HAND)

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
        return _cached(found, version)

    async def find_at_hand(
        self, user_id: UserId, user_no: UserNo | None, key: str
    ) -> tuple[AtHand, Moment] | None:
        """The same if all is well and there is a list, with what this process made of it before.

        None: `find` must tell. Nothing can be stored with its version.
        """
        if user_no is None:
            found = await self._shared.find_batched(key)
        else:
            found = await self._answers.find_batched(user_no, key)
        entry, moment = (None, None) if found is None else found
        if entry is None or moment is None:
            return None
        at_hand = self._at_hand.get((user_id, key))
        if at_hand is None or at_hand.entry != entry:
            version = CacheVersion(b"", moment.generation, reachable=False)
            cached = _cached(unsealed(entry, version), version)
            at_hand = self._at_hand[user_id, key] = AtHand(entry, cached)
        is_in_force = at_hand.cached.version.generation == moment.generation
        is_list = at_hand.cached.encoded is not None
        return (at_hand, moment) if is_in_force and is_list else None

    async def store(
        self,
        user_no: UserNo | None,
        key: str,
        encoded: bytes,
        version: CacheVersion,
        *,
        catalogue_version: CatalogueVersion,
        good_seconds: float | None,
    ) -> None:
        """Cache a list, unless the user's lists were dropped since the version was taken.

        `good_seconds`: after how long its first item expires; None: none does.
        """
        now = time.time()
        good_until = math.inf if good_seconds is None else now + good_seconds
        known = (
            version.catalogue,
            catalogue_version.position,
            catalogue_version.entered.encode(),
            catalogue_version.touched.encode(),
        )
        entry = b"%.3f %.3f %b %d %b %b %b" % (now, good_until, *known, encoded)
        if user_no is None:
            await self._shared.store(key, entry, version)
        else:
            await self._answers.store(user_no, key, entry, version)


def _cached(found: bytes | None, version: CacheVersion) -> Cached:
    if found is None:
        return Cached(None, version)
    try:
        made_at, good_until, catalogue, position, *texts, encoded = found.split(b" ", 6)
        entered, touched = (text.decode() for text in texts)
        catalogue_version = CatalogueVersion(int(position), entered, touched)
        return Cached(
            encoded, version, float(made_at), float(good_until), catalogue_version, catalogue
        )
    except ValueError:
        # Another version of Tandem has cached it.
        return Cached(None, version)
