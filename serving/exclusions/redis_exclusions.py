"""The exclusion cache in Redis: what may not be shown to users, for when PostgreSQL is away."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from domain.identifiers import UserId, UserNo
from domain.redis_keys import STORE_EXCLUSIONS, exclusions_key, user_version
from serving.exclusions.exclusions import MOST_ITEMS, PACKED_BYTES, UserExclusions
from serving.postgres.store import WriteStore
from serving.redis.answers import CacheVersion
from serving.redis.redis_link import RedisLink
from sql.statements import statements

_SERVING = statements("serving")

CHANGES = "tandem:exclusion-changes"
"""A stream of the last seconds' changes, by which the processes notify each other."""

_CHANGES_MILLISECONDS = 10_000
_MOST_CHANGES = 500
_MOST_MESSAGE_BYTES = 7_900
"""A notification of PostgreSQL takes less than 8,000."""
_MOST_SENT = 600
"""Items of one user in a message, which so is never larger than that."""
_INSTEAD = None
"""Stands before the numbers of a user of whom nothing else is to be known any more."""
_MARKER = "tandem:exclusion-marker"
_MOST_BYTES = (1 + MOST_ITEMS) * PACKED_BYTES

# A packed user is added to the one that is there. What is added where nothing was is not all there
# is, nor is what is left when the oldest items go, over the limit: the user's number is negative.
_ADD = """
local seconds, most = ARGV[1], tonumber(ARGV[2])
local function number_of(packed) return (struct.unpack('<i4', packed)) end
for i = 2, #KEYS do
    local key, packed = KEYS[i], ARGV[i + 4]
    local length = redis.call('STRLEN', key)
    if length == 0 then
        redis.call('SET', key, packed)
    else
        local number = number_of(redis.call('GETRANGE', key, 0, 3))
        local given = number_of(packed)
        if given > 0 or number == 0 then number = given end
        local excess = math.max(length + #packed - 4 - most, 0)
        if excess == 0 then
            redis.call('SETRANGE', key, 0, struct.pack('<i4', number))
            redis.call('APPEND', key, string.sub(packed, 5))
        else
            local kept = redis.call('GETRANGE', key, 4 + excess, -1)
            number = struct.pack('<i4', -math.abs(number))
            redis.call('SET', key, number .. kept .. string.sub(packed, 5))
        end
    end
    redis.call('EXPIRE', key, seconds)
end
"""

_DROP = """
for i = 2, #KEYS do redis.call('DEL', KEYS[i]) end
"""

# Notifies the other processes; the stream keeps some seconds, and goes when nothing happens.
_PUBLISH = """
if ARGV[3] ~= '' then
    local now = redis.call('TIME')
    local oldest = now[1] * 1000 - tonumber(ARGV[4])
    redis.call('XADD', KEYS[1], 'MINID', '~', oldest, '*', 'by', ARGV[5], 'payload', ARGV[3])
    redis.call('PEXPIRE', KEYS[1], ARGV[4])
end
return 1
"""


@dataclass(frozen=True, slots=True)
class Change:
    """What another process came to know of some users: first some are dropped, then added to."""

    added: Mapping[UserId, UserExclusions]
    dropped: Sequence[UserId]


class RedisExclusions:
    """Finds and stores users' exclusions; False: they could not be stored."""

    def __init__(self, link: RedisLink, *, seconds: int) -> None:
        self._link = link
        self._seconds = seconds
        self._me = uuid.uuid4().hex

    @property
    def flapping(self) -> bool:
        """Whether Redis failed lately, so that what it is sent may not reach everybody in time."""
        return self._link.flapping

    async def find_user(self, user_id: UserId) -> UserExclusions | None:
        """What Redis has of a user, perhaps nothing; None: Redis does not answer."""
        # Unlike GET it answers for a key that is not there, too.
        packed = await self._link.ask_unchecked("GETRANGE", exclusions_key(user_id), 0, -1)
        if packed is None:
            return None
        return UserExclusions.unpack(packed) if packed else UserExclusions()

    async def store_user(
        self, user_id: UserId, user_no: UserNo, known: UserExclusions, version: CacheVersion
    ) -> bool | None:
        """Replace what Redis has, unless the user's answers were dropped since the version.

        Whether it was replaced; None: Redis is away.
        """
        if not version.reachable:
            return None
        keys = (exclusions_key(user_id), user_version(user_no))
        stored = await self._link.ask(
            "EVAL", STORE_EXCLUSIONS, 2, *keys, version.user_version, known.pack(), self._seconds
        )
        return None if stored is None else bool(stored)

    async def publish_replaced(self, user_id: UserId, known: UserExclusions) -> None:
        """Let the other processes know of a user what was stored, and nothing else."""
        await self._change("", [], {user_id: [_INSTEAD, *known.numbers()]}, [])

    async def add(self, users: Mapping[UserId, UserExclusions], *, publish: bool = True) -> bool:
        """Add to what Redis has of users; to be called after their answers were dropped."""
        payload_by_user = (
            {user_id: known.numbers() for user_id, known in users.items()} if publish else {}
        )
        packed = [known.pack() for known in users.values()]
        return await self._change(_ADD, list(users), payload_by_user, packed)

    async def drop(self, user_ids: Sequence[UserId]) -> bool:
        """Remove these users."""
        return await self._change(_DROP, user_ids, dict.fromkeys(user_ids), [])

    async def load_changes(self, after: str) -> tuple[list[Change], str]:
        """What other processes changed after a stream entry, and the entry to go on from."""
        found = await self._link.ask("XRANGE", CHANGES, f"({after}", "+", "COUNT", _MOST_CHANGES)
        if not found:
            return [], after
        me = self._me.encode()
        theirs = [decode_change(change[b"payload"]) for _, change in found if change[b"by"] != me]
        return theirs, found[-1][0].decode()

    async def find_marker(self) -> str | None:
        """A marker that stays the same until Redis has lost everything; None if it is away."""
        await self._link.ask("SET", _MARKER, uuid.uuid4().hex, "NX")
        marker = await self._link.ask("GET", _MARKER)
        return None if marker is None else marker.decode()

    async def _change(
        self,
        script: str,
        user_ids: Sequence[UserId],
        payload_by_user: Mapping[UserId, Any],
        packed: list[bytes],
    ) -> bool:
        keys = (CHANGES, *map(exclusions_key, user_ids))
        payload = orjson.dumps(payload_by_user) if payload_by_user else b""
        # An event is acknowledged after this: the other processes must know what it excludes.
        # Twice is harmless: what stands there twice counts once.
        done = await self._link.ask_twice(
            "EVAL", script + _PUBLISH, len(keys), *keys,
            self._seconds, _MOST_BYTES, payload, _CHANGES_MILLISECONDS, self._me, *packed,
        )  # fmt: skip
        return done is not None


class ExclusionNotifier:
    """The way around Redis by which the processes send each other changes of users."""

    def __init__(self, store: WriteStore) -> None:
        self._store = store

    async def publish(self, users: Mapping[UserId, UserExclusions]) -> None:
        """Add to the cache of every process; StoreUnavailableError if PostgreSQL is away too."""
        await self._store.write(_SERVING["notify_exclusions"], {"payloads": _payloads(users)})


def _payloads(users: Mapping[UserId, UserExclusions]) -> list[str]:
    """The users in as few messages as hold them."""
    messages: list[dict[UserId, list[int]]] = [{}]
    message_bytes = 0
    for user_id, known in users.items():
        number, *items = known.numbers()
        number = number if len(items) <= _MOST_SENT else -abs(number)
        numbers = [number, *items[-_MOST_SENT:]]
        own_bytes = len(orjson.dumps({user_id: numbers}))
        if messages[-1] and message_bytes + own_bytes > _MOST_MESSAGE_BYTES:
            messages.append({})
            message_bytes = 0
        messages[-1][user_id] = numbers
        message_bytes += own_bytes
    return [orjson.dumps(message).decode() for message in messages]


def decode_change(payload: str | bytes) -> Change:
    """The change in a message, from Redis or PostgreSQL."""
    users: dict[UserId, list[Any] | None] = orjson.loads(payload)
    added, dropped = {}, []
    for user_id, numbers in users.items():
        if numbers is None or numbers[0] is _INSTEAD:
            dropped.append(user_id)
        if numbers is not None:
            known = numbers[1:] if numbers[0] is _INSTEAD else numbers
            added[user_id] = UserExclusions.of_numbers(known)
    return Change(added, dropped)
