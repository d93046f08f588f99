"""Learning from the log what must not be shown, before it has to be known without the log."""

import time
from collections.abc import Sequence

from domain.errors import StoreUnavailableError
from domain.identifiers import UserId, UserNo
from serving.repositories.answers import Answers
from serving.repositories.excluded_items import ExcludedItems
from serving.services.memory.remembered_users import RememberedUsers

_AT_ONCE = 200
"""Users read at once; as many cover the seconds in which nothing was heard."""
_TURN_SECONDS = 1.0
"""So long a turn reads on: a slow PostgreSQL must not hold up the start."""
_ATTEMPTS = 3
_MOST_DUE = 10_000
_ANY_ANSWER = ""


class Remembering:
    """Reads users' exclusions for the remembered users.

    A process that has just been started knows nobody, and a Redis that has lost everything no more:
    both are told of the users who came lately.
    """

    def __init__(
        self,
        *,
        excluded_items: ExcludedItems,
        answers: Answers,
        remembered: RememberedUsers,
        recent_users: int,
    ) -> None:
        self._excluded_items = excluded_items
        self._answers = answers
        self._remembered = remembered
        self._recent_users = recent_users
        self._settled_losses: int | None = None
        self._left: list[UserNo] = []
        self._begun: tuple[int, frozenset[UserNo]] = (0, frozenset())
        """Who of the recent users were read before all of these were looked for; at which loss."""
        # A process that is just starting reads anyway what it may have missed.
        self._redis_away = True
        self._due: dict[UserNo, UserId] = {}

    async def remember_again(self, user_no: UserNo, user_id: UserId) -> None:
        """Read what is remembered of a user again: less of it counts than before.

        To be called after the deletion is committed and the user's answers were dropped. If the
        store cannot be read now it is later; until then too much is remembered, never too little.
        """
        try:
            known = await self._read_again(user_no, user_id)
        except StoreUnavailableError:
            known = False
        if not known and len(self._due) < _MOST_DUE:
            self._due[user_no] = user_id

    async def _read_again(self, user_no: UserNo, user_id: UserId) -> bool:
        """False: Redis is away, or so much is going on with this user that it never was current."""
        for _ in range(_ATTEMPTS):
            since = self._remembered.now
            _, stamp = await self._answers.find(user_no, _ANY_ANSWER)
            users = await self._excluded_items.load_exclusions([user_no])
            if not users:
                await self._remembered.forget_user(user_id)
                return True
            exclusions = users[0].known.exclusions
            replaced = await self._remembered.replace(
                user_id, user_no, exclusions, since=since, stamp=stamp
            )
            if replaced is not False:
                return replaced is True
        return False

    async def catch_up(self) -> None:
        """Read again who has to be; and who came lately, if this process or Redis knows nobody.

        Of these as many are read each time as a second allows, those who came last first.
        """
        await self._read_due()
        away, self._redis_away = self._redis_away, self._answers.away
        if self._redis_away and not away:
            # Redis went before this process was told everything by it.
            await self.read_lately()
        await self._remember_recent()

    async def _read_due(self) -> None:
        for user_no, user_id in list(self._due.items()):
            # Taken out before: it may become due again while it is read.
            del self._due[user_no]
            current = False
            try:
                current = await self._read_again(user_no, user_id)
            finally:
                if not current:
                    self._due.setdefault(user_no, user_id)
            if not current:
                break

    async def read_lately(self) -> None:
        """Read of who came last what the others may have told in vain.

        They are few, however many are remembered: until they are read nothing counts as heard. A
        process that has just been started need not read them again.
        """
        losses = self._remembered.losses
        newest = await self._excluded_items.find_recent_users(_AT_ONCE)
        await self._refill(newest)
        if self._settled_losses is None:
            self._begun = (losses, frozenset(newest))

    async def _remember_recent(self) -> None:
        if self._remembered.losses != self._settled_losses:
            await self._find_recent()
        until = time.monotonic() + _TURN_SECONDS
        while self._left and time.monotonic() < until:
            await self._read_on()

    async def _find_recent(self) -> None:
        losses = self._remembered.losses
        found = await self._excluded_items.find_recent_users(self._recent_users)
        (when, read), self._begun = self._begun, (0, frozenset())
        self._left = [no for no in found if when != losses or no not in read]
        self._settled_losses = losses

    async def _read_on(self) -> None:
        some = self._left[:_AT_ONCE]
        await self._refill(some)
        del self._left[: len(some)]

    async def _refill(self, user_nos: Sequence[UserNo]) -> None:
        since = self._remembered.now
        users = await self._excluded_items.load_exclusions(user_nos)
        await self._remembered.refill({user.user_id: user.known for user in users}, since=since)
