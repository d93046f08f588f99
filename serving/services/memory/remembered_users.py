"""What is known of users when the store is away: what must not be shown to them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from cachetools import FIFOCache

from domain.identifiers import UserId, UserNo
from serving.repositories.answers import Stamp
from serving.repositories.exclusions import Exclusions, RememberedUser
from serving.repositories.remembered import Change, ExclusionNews, Remembered, told_change
from serving.services.memory.hearing import Hearing
from serving.services.memory.user_memory import UserMemory

_AT_ONCE = 500
_MOST_UNSAVED = 50_000
_NOTHING = RememberedUser()


@dataclass(frozen=True, slots=True)
class _Unsaved:
    """What Redis has yet to be told of a user."""

    dropped: bool
    added: RememberedUser

    def then(self, later: "_Unsaved") -> "_Unsaved":
        return later if later.dropped else _Unsaved(self.dropped, self.added | later.added)


class RememberedUsers:
    """Users as of their last state read, with the events recorded since.

    It stands in the memory of each process and in Redis, and the processes tell each other through
    Redis, or through PostgreSQL while Redis is away.
    """

    def __init__(
        self, memory: UserMemory, remembered: Remembered, news: ExclusionNews, hearing: Hearing
    ) -> None:
        self._hearing = hearing
        self._memory = memory
        self._remembered = remembered
        self._news = news
        self._unsaved: FIFOCache[UserId, _Unsaved] = FIFOCache(_MOST_UNSAVED)
        self._heard_up_to = "0-0"
        self._marker: str | None = None
        self.losses = 0
        """How often Redis was found to know nothing, or met for the first time."""
        self._to_refill: list[UserId] = []

    @property
    def now(self) -> int:
        """The moment, to be taken before a state is read and given back with it."""
        return self._memory.now

    async def find(self, user_id: UserId) -> RememberedUser:
        """All that this process and Redis know of a user.

        It is complete only if Redis says so: what is loaded in bulk is told to no process.
        """
        since = self.now
        there = await self._remembered.find_user(user_id)
        if there is None:
            await self._hearing.wait()
        known = self._memory.find(user_id)
        if known is None:
            # Redis may be gone when it is asked again.
            self._learn(user_id, there, since)
        there = there or _NOTHING
        return replace(there | (known or _NOTHING), complete=there.complete)

    async def learn(self, user_id: UserId) -> None:
        """Let this process know a user it answers from the cache."""
        if self._memory.find(user_id) is None:
            since = self.now
            self._learn(user_id, await self._remembered.find_user(user_id), since)

    async def remember(
        self, user_id: UserId, user_no: UserNo, exclusions: Exclusions, *, since: int, stamp: Stamp
    ) -> None:
        """Keep a state that was read after the moment `since` and after the stamp was taken."""
        known = RememberedUser(user_no, exclusions, complete=True)
        self._memory.replace(user_id, known, since=since)
        await self._remembered.store_user(user_id, user_no, known, stamp)

    async def refill(self, users: Mapping[UserId, RememberedUser], *, since: int) -> None:
        """Take what was read of users after a moment, here and in Redis.

        Redis may be left with an item that was taken back meanwhile, until the next state read.
        """
        for user_id, known in users.items():
            self._memory.replace(user_id, known, since=since)
        if users:
            await self._remembered.add(users, tell=False)

    def add(self, users: Mapping[UserId, RememberedUser]) -> None:
        """Add what committed events exclude, in this process at once."""
        for user_id, known in users.items():
            self._memory.add(user_id, known)

    async def tell(self, users: Mapping[UserId, RememberedUser]) -> None:
        """Add the same in Redis and in the other processes.

        To be called after the users' cached answers were dropped: a state read before that is then
        not stored over it. What Redis cannot be told now is told later. StoreUnavailableError if
        PostgreSQL is away too where Redis may not reach everybody: nothing must be acknowledged
        then, as another process would still show the items.
        """
        if not users:
            return
        told = await self._remembered.add(users)
        if not told:
            self._note_unsaved({user: _Unsaved(False, known) for user, known in users.items()})
        if not told or self._remembered.unsteady:
            await self._news.tell(users)

    def hear(self, told: str) -> None:
        """Take what another process told through PostgreSQL."""
        self._take(told_change(told))

    async def replace(
        self, user_id: UserId, user_no: UserNo, exclusions: Exclusions, *, since: int, stamp: Stamp
    ) -> bool | None:
        """Remember this and nothing else of a user whose events were taken back.

        It was read after the moment `since` and after the stamp was taken, and these after the
        deletion and the drop of the user's answers. False: more was recorded since; read again.
        None: Redis is away, and remembers more until it is read again later.
        """
        if self._memory.added_since(user_id, since):
            return False
        known = RememberedUser(user_no, exclusions, complete=True)
        self._memory.drop(user_id)
        self._memory.replace(user_id, known, since=self.now)
        stored = await self._remembered.store_user(user_id, user_no, known, stamp)
        if stored:
            await self._remembered.tell_replaced(user_id, known)
        return stored

    async def forget_user(self, user_id: UserId) -> bool:
        """Remember nothing of a user who is gone; False: Redis is away and is told later."""
        self._memory.drop(user_id)
        told = await self._remembered.drop([user_id])
        if not told:
            self._note_unsaved({user_id: _Unsaved(True, _NOTHING)})
        return told

    async def catch_up(self) -> None:
        """Hear what other processes recorded, and tell Redis what it has missed or lost."""
        await self._hear()
        await self._save()
        refill, self._to_refill = self._to_refill[:_AT_ONCE], self._to_refill[_AT_ONCE:]
        # This process has not heard of what was loaded in bulk since.
        known = {
            user_id: replace(found, complete=False)
            for user_id in refill
            if (found := self._memory.find(user_id))
        }
        if known and not await self._remembered.add(known, tell=False):
            self._to_refill += refill
        await self._look_for_loss()

    async def _hear(self) -> None:
        changes, self._heard_up_to = await self._remembered.load_changes(self._heard_up_to)
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
        added = {user: one.added for user, one in batch.items() if one.added != _NOTHING}
        if dropped and not await self._remembered.drop(dropped):
            return False
        return not added or await self._remembered.add(added)

    async def _look_for_loss(self) -> None:
        """Redis that has lost everything is given back what this process knows, from the next turn.

        Not before that turn has heard who is to be forgotten.
        """
        marker = await self._remembered.find_marker()
        if marker is not None and marker != self._marker:
            self._to_refill = self._memory.user_ids()
            self.losses += 1
            self._marker = marker

    def _learn(self, user_id: UserId, there: RememberedUser | None, since: int) -> None:
        if there is not None and there != _NOTHING:
            self._memory.replace(user_id, there, since=since)

    def _note_unsaved(self, users: Mapping[UserId, _Unsaved]) -> None:
        for user_id, later in users.items():
            earlier = self._unsaved.pop(user_id, None)
            self._unsaved[user_id] = earlier.then(later) if earlier else later
