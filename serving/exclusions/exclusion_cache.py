"""What is known of users when the store is away: what must not be shown to them."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from cachetools import FIFOCache

from domain.identifiers import UserId, UserNo
from serving.exclusions.exclusions import Exclusions, UserExclusions
from serving.exclusions.redis_exclusions import (
    Change,
    ExclusionNotifier,
    RedisExclusions,
    decode_change,
)
from serving.exclusions.user_memory import UserMemory
from serving.redis.answers import CacheVersion
from serving.runtime.budget import current

_LAST_SHARE = 0.8
"""The share of a budget that is kept for what follows the waiting."""
_USUAL_SECONDS = 0.2
_LONGEST_SECONDS = 2.0
"""However large a budget is: it listens anew ten times a second."""

_AT_ONCE = 500
_MOST_UNSAVED = 50_000
_NOTHING = UserExclusions()


class Subscription:
    """Connected while notifications of PostgreSQL come in, and what came before them was read."""

    def __init__(self) -> None:
        self._connected = asyncio.Event()
        self._disconnected_at = time.monotonic()

    @property
    def disconnected_seconds(self) -> float | None:
        """For how long notifications may have been missed; None while connected."""
        return None if self._connected.is_set() else time.monotonic() - self._disconnected_at

    def note_connected(self) -> None:
        """From now on no notification is missed."""
        self._connected.set()

    def note_disconnected(self) -> None:
        """From now on notifications may be missed."""
        if self._connected.is_set():
            self._disconnected_at = time.monotonic()
        self._connected.clear()

    async def wait(self) -> None:
        """Wait until connected, as long as the budget allows.

        With PostgreSQL away that is for nothing: but then nobody records anything either. With
        PostgreSQL just back it is the time until this process knows what the others know.
        """
        budget = current()
        seconds = _USUAL_SECONDS if budget is None else budget.left() - _LAST_SHARE * budget.seconds
        seconds = min(seconds, _LONGEST_SECONDS)
        with suppress(TimeoutError):
            await asyncio.wait_for(self._connected.wait(), max(seconds, 0.0))


@dataclass(frozen=True, slots=True)
class _Unsaved:
    """What Redis does not have yet of a user."""

    dropped: bool
    added: UserExclusions

    def then(self, later: "_Unsaved") -> "_Unsaved":
        return later if later.dropped else _Unsaved(self.dropped, self.added | later.added)


class ExclusionCache:
    """Users as of their last state read, with the events recorded since.

    It stands in the memory of each process and in Redis, and the processes notify each other
    through Redis, or through PostgreSQL while Redis is away.
    """

    def __init__(
        self,
        memory: UserMemory,
        redis: RedisExclusions,
        notifier: ExclusionNotifier,
        subscription: Subscription,
    ) -> None:
        self._subscription = subscription
        self._memory = memory
        self._redis = redis
        self._notifier = notifier
        self._unsaved: FIFOCache[UserId, _Unsaved] = FIFOCache(_MOST_UNSAVED)
        self._read_up_to = "0-0"
        self._marker: str | None = None
        self.losses = 0
        """How often Redis was found to know nothing, or was seen for the first time."""
        self._to_restore: list[UserId] = []

    @property
    def now(self) -> int:
        """The moment, to be taken before a state is read and given back with it."""
        return self._memory.now

    async def find(self, user_id: UserId) -> UserExclusions:
        """All that this process and Redis know of a user.

        It is complete only if Redis says so: no process is notified of what is loaded in bulk.
        """
        since = self.now
        there = await self._redis.find_user(user_id)
        if there is None:
            await self._subscription.wait()
        known = self._memory.find(user_id)
        if known is None:
            # Redis may be gone when it is asked again.
            self._warm(user_id, there, since)
        there = there or _NOTHING
        return replace(there | (known or _NOTHING), complete=there.complete)

    def holds(self, user_id: UserId) -> bool:
        """Whether this process knows a user, so that there is nothing to `warm`."""
        return self._memory.holds(user_id)

    async def warm(self, user_id: UserId) -> None:
        """Let this process know a user it answers from the cache."""
        if not self.holds(user_id):
            since = self.now
            self._warm(user_id, await self._redis.find_user(user_id), since)

    async def store(
        self,
        user_id: UserId,
        user_no: UserNo,
        exclusions: Exclusions,
        *,
        since: int,
        version: CacheVersion,
    ) -> None:
        """Keep a state that was read after the moment `since` and after the version was taken."""
        known = UserExclusions(user_no, exclusions, complete=True)
        self._memory.replace(user_id, known, since=since)
        await self._redis.store_user(user_id, user_no, known, version)

    async def restore(self, users: Mapping[UserId, UserExclusions], *, since: int) -> None:
        """Take what was read of users after a moment, here and in Redis.

        Redis may be left with an item that was taken back meanwhile, until the next state read.
        """
        for user_id, known in users.items():
            self._memory.replace(user_id, known, since=since)
        if users:
            await self._redis.add(users, publish=False)

    def add(self, users: Mapping[UserId, UserExclusions]) -> None:
        """Add what committed events exclude, in this process at once."""
        for user_id, known in users.items():
            self._memory.add(user_id, known)

    async def publish(self, users: Mapping[UserId, UserExclusions]) -> None:
        """Add the same in Redis and in the other processes.

        To be called after the users' cached answers were dropped: a state read before that is then
        not stored over it. What Redis cannot be sent now is sent later. StoreUnavailableError if
        PostgreSQL is away too where Redis may not reach everybody: nothing must be acknowledged
        then, as another process would still show the items.
        """
        if not users:
            return
        is_published = await self._redis.add(users)
        if not is_published:
            self._note_unsaved({user: _Unsaved(False, known) for user, known in users.items()})
        if not is_published or self._redis.flapping:
            await self._notifier.publish(users)

    def receive(self, payload: str) -> None:
        """Take what another process sent through PostgreSQL."""
        self._take(decode_change(payload))

    async def replace(
        self,
        user_id: UserId,
        user_no: UserNo,
        exclusions: Exclusions,
        *,
        since: int,
        version: CacheVersion,
    ) -> bool | None:
        """Replace all that is cached of a user whose events were taken back.

        It was read after the moment `since` and after the version was taken, and these after the
        deletion and the drop of the user's answers. False: more was recorded since; read again.
        None: Redis is away, and keeps more until it is read again later.
        """
        if self._memory.added_since(user_id, since):
            return False
        known = UserExclusions(user_no, exclusions, complete=True)
        self._memory.drop(user_id)
        self._memory.replace(user_id, known, since=self.now)
        stored = await self._redis.store_user(user_id, user_no, known, version)
        if stored:
            await self._redis.publish_replaced(user_id, known)
        return stored

    async def forget_user(self, user_id: UserId) -> bool:
        """Forget a user who is gone; False: Redis is away and is caught up later."""
        self._memory.drop(user_id)
        is_published = await self._redis.drop([user_id])
        if not is_published:
            self._note_unsaved({user_id: _Unsaved(True, _NOTHING)})
        return is_published

    async def catch_up(self) -> None:
        """Read what other processes recorded, and give Redis what it has missed or lost."""
        await self._read_changes()
        await self._save()
        restore, self._to_restore = self._to_restore[:_AT_ONCE], self._to_restore[_AT_ONCE:]
        # This process does not know what was loaded in bulk since.
        known = {
            user_id: replace(found, complete=False)
            for user_id in restore
            if (found := self._memory.find(user_id))
        }
        if known and not await self._redis.add(known, publish=False):
            self._to_restore += restore
        await self._look_for_loss()

    async def _read_changes(self) -> None:
        changes, self._read_up_to = await self._redis.load_changes(self._read_up_to)
        for change in changes:
            self._take(change)

    def _take(self, change: Change) -> None:
        for user_id in change.dropped:
            self._memory.drop(user_id)
        self.add(change.added)

    async def _save(self) -> None:
        while self._unsaved:
            oldest = range(min(_AT_ONCE, len(self._unsaved)))
            batch = dict(self._unsaved.popitem() for _ in oldest)
            if not await self._saved(batch):
                newer, self._unsaved = self._unsaved, FIFOCache(_MOST_UNSAVED)
                self._note_unsaved(batch)
                self._note_unsaved(newer)
                return

    async def _saved(self, batch: Mapping[UserId, _Unsaved]) -> bool:
        dropped: Sequence[UserId] = [user for user, unsaved in batch.items() if unsaved.dropped]
        added = {user: saved.added for user, saved in batch.items() if saved.added != _NOTHING}
        if dropped and not await self._redis.drop(dropped):
            return False
        return not added or await self._redis.add(added)

    async def _look_for_loss(self) -> None:
        """Redis that has lost everything is given back what this process knows, from the next turn.

        Not before that turn has read who is to be forgotten.
        """
        marker = await self._redis.find_marker()
        if marker is not None and marker != self._marker:
            self._to_restore = self._memory.user_ids()
            self.losses += 1
            self._marker = marker

    def _warm(self, user_id: UserId, there: UserExclusions | None, since: int) -> None:
        if there is not None and there != _NOTHING:
            self._memory.replace(user_id, there, since=since)

    def _note_unsaved(self, users: Mapping[UserId, _Unsaved]) -> None:
        for user_id, later in users.items():
            earlier = self._unsaved.pop(user_id, None)
            self._unsaved[user_id] = earlier.then(later) if earlier else later
