"""The exclusion cache in this process: the users most recently used, in bounded memory."""

from collections import OrderedDict
from dataclasses import dataclass

from domain.identifiers import UserId
from serving.exclusions.exclusions import MOST_ITEMS, PACKED_BYTES, UserExclusions

_MOST_DROPS = 10_000
_LEAST_GROWTH = 64 * PACKED_BYTES
_MOST_GROWN = MOST_ITEMS * PACKED_BYTES


@dataclass(frozen=True, slots=True)
class _Entry:
    packed: bytes
    added_at: int
    """The moment something was last added; 0: never."""
    distinct_bytes: int
    """How long it was when every item stood there once."""


class UserMemory:
    """Users with what must not be shown to them.

    Moments are counted in changes: a state that was read from the store since some moment lacks
    what was added after it, and may hold what was dropped after it.
    """

    def __init__(self, *, most_users: int, most_items: int) -> None:
        self._most_users = most_users
        self._most_bytes = most_items * PACKED_BYTES
        # Not an LRUCache: bounded in number and in bytes, and whatever is lost is noted.
        self._users: OrderedDict[UserId, _Entry] = OrderedDict()
        self._bytes = 0
        self._dropped_at: OrderedDict[UserId, int] = OrderedDict()
        self._now = 0
        self._complete_since = 0
        """What was added or dropped before this moment may be known no more."""

    @property
    def now(self) -> int:
        """The present moment."""
        return self._now

    def user_ids(self) -> list[UserId]:
        """Who is cached, the most recently used last."""
        return list(self._users)

    def find(self, user_id: UserId) -> UserExclusions | None:
        """A cached user; None if nothing is known."""
        entry = self._users.get(user_id)
        if entry is None:
            return None
        self._users.move_to_end(user_id)
        return UserExclusions.unpack(entry.packed)

    def holds(self, user_id: UserId) -> bool:
        """Whether anything is known of a user, who counts as used."""
        if user_id not in self._users:
            return False
        self._users.move_to_end(user_id)
        return True

    def replace(self, user_id: UserId, known: UserExclusions, *, since: int) -> None:
        """Take a state read from the store since a moment for what is known."""
        if since < max(self._complete_since, self._dropped_at.get(user_id, 0)):
            return
        entry = self._users.get(user_id)
        if entry is not None and entry.added_at > since:
            known = UserExclusions.unpack(entry.packed) | known
        self._put(user_id, _entry(known, entry.added_at if entry else 0))

    def add(self, user_id: UserId, known: UserExclusions) -> None:
        """Add to what is known."""
        self._now += 1
        entry = self._users.get(user_id)
        self._put(user_id, _added(entry, known, self._now) if entry else _entry(known, self._now))

    def added_since(self, user_id: UserId, moment: int) -> bool:
        """Whether anything was added to a cached user after a moment."""
        entry = self._users.get(user_id)
        return entry is not None and entry.added_at > moment

    def drop(self, user_id: UserId) -> None:
        """Know nothing of a user until the state is read again."""
        self._now += 1
        self._take(user_id)
        self._dropped_at[user_id] = self._now
        self._dropped_at.move_to_end(user_id)
        if len(self._dropped_at) > _MOST_DROPS:
            self._lose(self._dropped_at.popitem(last=False)[1])

    def _put(self, user_id: UserId, entry: _Entry) -> None:
        self._take(user_id)
        self._users[user_id] = entry
        self._bytes += len(entry.packed)
        while len(self._users) > self._most_users or self._bytes > self._most_bytes:
            oldest, lost = self._users.popitem(last=False)
            self._bytes -= len(lost.packed)
            self._lose(lost.added_at)
            if oldest == user_id:
                break

    def _take(self, user_id: UserId) -> None:
        entry = self._users.pop(user_id, None)
        if entry is not None:
            self._bytes -= len(entry.packed)

    def _lose(self, moment: int) -> None:
        self._complete_since = max(self._complete_since, moment)


def _entry(known: UserExclusions, added_at: int) -> _Entry:
    packed = known.pack()
    return _Entry(packed, added_at, len(packed))


def _added(entry: _Entry, known: UserExclusions, added_at: int) -> _Entry:
    """The entry with more in it: all of it is packed anew only when it has grown by half."""
    grown = entry.packed + known.pack()[PACKED_BYTES:]
    most = entry.distinct_bytes + max(entry.distinct_bytes // 2, _LEAST_GROWTH)
    if len(grown) > min(most, _MOST_GROWN):
        return _entry(UserExclusions.unpack(entry.packed) | known, added_at)
    if known.user_no is None and not known.complete:
        return _Entry(grown, added_at, entry.distinct_bytes)
    both = UserExclusions.unpack(entry.packed[:PACKED_BYTES]) | known
    number = UserExclusions(both.user_no, complete=both.complete).pack()
    return _Entry(number + grown[PACKED_BYTES:], added_at, entry.distinct_bytes)
