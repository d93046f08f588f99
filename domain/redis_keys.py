"""The names under which speed and serving meet in Redis. Nothing there is precious."""

import struct
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet

from domain.identifiers import ItemNo, UserId, UserNo

WAKE_CHANNEL = "tandem:events"
"""Serving publishes here after events are committed; a lost message costs latency, never data."""

CLOCK = "tandem:clock"
"""Microseconds since 1970 as Redis has them, never given twice: when answers were dropped last."""

VERSION_SECONDS = 120
"""How long a user's cache version is kept.

Longer than any answer takes to make, and longer than a read replica may lag.
"""

MOVE_CLOCK = """
local time = redis.call('TIME')
local clock = time[1] * 1000000 + time[2]
local last = tonumber(redis.call('GET', KEYS[1]) or '0')
if clock <= last then clock = last + 1 end
clock = string.format('%.0f', clock)
redis.call('SET', KEYS[1], clock)
"""
"""The beginning of a script whose first key is `CLOCK`: a time that is later than all before."""

DROP_ANSWERS = f"""
{MOVE_CLOCK}
local dropped = 0
for i = 2, #KEYS, 2 do
    dropped = dropped + redis.call('HLEN', KEYS[i + 1])
    redis.call('SET', KEYS[i], clock, 'EX', ARGV[1])
    redis.call('DEL', KEYS[i + 1])
end
if ARGV[2] then redis.call('PUBLISH', ARGV[2], '') end
return dropped
"""
"""Drops answers and returns how many.

Keys: `keys_to_drop`. Arguments: `VERSION_SECONDS`, and a channel to publish on if somebody is to be
woken. To be called after the change is committed that made the answers old.
"""


def keys_to_drop(user_nos: Iterable[UserNo]) -> list[str]:
    """The keys of `DROP_ANSWERS`: the clock, then each user's version and answers."""
    return [CLOCK, *(key for no in user_nos for key in (user_version(no), user_entry(no)))]


def user_entry(user_no: UserNo) -> str:
    """The hash that holds all cached answers of one user, a field per run and parameters."""
    return f"tandem:answers:{user_no}"


def user_version(user_no: UserNo) -> str:
    """When a user's answers were dropped last, by `CLOCK`.

    An answer computed before a drop must not be stored after it; who stores compares the version.
    A replica that may lack what was committed before the drop must not be read for this user.
    """
    return f"tandem:version:{user_no}"


MOST_EXCLUDED_ITEMS = 20_000
"""How many excluded items of one user are kept in Redis, four bytes each."""

STORE_EXCLUSIONS = """
if (redis.call('GET', KEYS[2]) or '') ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
return 1
"""
"""Stores all that a user must not be shown, unless the user's answers were dropped meanwhile.

Keys: `exclusions_key`, `user_version`. Arguments: the version as it was before the log was read,
the packed numbers, and seconds. Who records an event drops the answers after the commit and adds to
the key after that; so what was read before the commit never takes back what was added.
"""

EXCLUSIONS_FILLED = "tandem:exclusions-filled"
"""Up to which position of the log all users' exclusions were stored; lost with them.

With a colon and a number that is another after a crash of PostgreSQL: it then holds no longer. Or
who stores those of everybody who came lately, for as long as that worker goes on.
"""


def exclusions_key(user_id: UserId) -> str:
    """What a user must not be shown, as packed `exclusion_numbers`.

    No such key: nothing is known of the user, who may have seen anything.
    """
    return f"tandem:exclusions:{user_id}"


def exclusion_numbers(
    user_no: UserNo | None,
    seen: AbstractSet[ItemNo],
    disliked: AbstractSet[ItemNo],
    *,
    complete: bool,
) -> list[int]:
    """The user's number, then items seen, then disliked items, which are negative.

    The user's number is negative if these are not all that the log excludes, 0 if it is unknown. Of
    more than `MOST_EXCLUDED_ITEMS` disliked items are kept first.
    """
    items = [*sorted(seen - disliked), *(-no for no in sorted(disliked))]
    number = user_no or 0
    if not complete or len(items) > MOST_EXCLUDED_ITEMS:
        number = -number
    return [number, *items[-MOST_EXCLUDED_ITEMS:]]


def packed_numbers(numbers: Sequence[int]) -> bytes:
    """Numbers in 32 bits each, the lowest byte first."""
    return struct.pack(f"<{len(numbers)}i", *numbers)


def unpacked_numbers(packed: bytes) -> tuple[int, ...]:
    """The numbers from what was packed."""
    return struct.unpack(f"<{len(packed) // 4}i", packed)
