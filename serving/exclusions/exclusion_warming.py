"""Warming the exclusion cache from the log, before it has to answer without the log."""

import time
from collections.abc import Mapping, Sequence

from domain.errors import StoreUnavailableError
from domain.identifiers import UserId, UserNo
from serving.exclusions.exclusion_cache import ExclusionCache
from serving.exclusions.exclusions import ExcludedItems
from serving.redis.answers import Answers

_AT_ONCE = 200
"""Users read at once; as many cover the seconds without a subscription."""
_TURN_SECONDS = 1.0
"""So long a turn reads on: a slow PostgreSQL must not hold up the start."""
_ATTEMPTS = 3
_MOST_DUE = 10_000
_ANY_ANSWER = ""


class ExclusionWarmer:
    """Reads users' exclusions into the exclusion cache.

    A process that has just been started knows nobody, and a Redis that has lost everything no more:
    both get the users who came lately.
    """

    def __init__(
        self,
        *,
        excluded_items: ExcludedItems,
        answers: Answers,
        exclusion_cache: ExclusionCache,
        recent_users: int,
    ) -> None:
        self._excluded_items = excluded_items
        self._answers = answers
        self._exclusion_cache = exclusion_cache
        self._recent_users = recent_users
        self._restored_losses: int | None = None
        self._left: list[UserNo] = []
        self._begun: tuple[int, frozenset[UserNo]] = (0, frozenset())
        """Who of the recent users were read before all of these were looked for; at which loss."""
        # A process that is just starting reads anyway what it may have missed.
        self._redis_away = True
        self._due: dict[UserNo, UserId] = {}

    async def reload(self, users: Mapping[UserNo, UserId]) -> None:
        """Read the exclusions of users again who have fewer than before.

        To be called after the deletion is committed and the users' answers were dropped. Whoever
        cannot be read now is later; until then too much is excluded, never too little.
        """
        try:
            left: Mapping[UserNo, UserId] = await self._read_again(users)
        except StoreUnavailableError:
            left = users
        for user_no, user_id in left.items():
            if len(self._due) < _MOST_DUE:
                self._due[user_no] = user_id

    async def _read_again(self, users: Mapping[UserNo, UserId]) -> dict[UserNo, UserId]:
        """Those of whom nothing current was stored.

        Redis is away, or so much is going on with them that what was read never was current.
        """
        left, without_redis = dict(users), {}
        for _ in range(_ATTEMPTS):
            if not left:
                break
            since = self._exclusion_cache.now
            versions = {no: (await self._answers.find(no, _ANY_ANSWER))[1] for no in left}
            found = await self._excluded_items.load_exclusions(list(left))
            for user_no, user_id in list(left.items()):
                known = found.get(user_id)
                if known is None:
                    await self._exclusion_cache.forget_user(user_id)
                    del left[user_no]
                    continue
                replaced = await self._exclusion_cache.replace(
                    user_id, user_no, known.exclusions, since=since, version=versions[user_no]
                )
                if replaced is not False:
                    del left[user_no]
                if replaced is None:
                    without_redis[user_no] = user_id
        return left | without_redis

    async def catch_up(self) -> None:
        """Read again who has to be; and who came lately, if this process or Redis knows nobody.

        Of these as many are read each time as a second allows, those who came last first.
        """
        await self._read_due()
        away, self._redis_away = self._redis_away, self._answers.away
        if self._redis_away and not away:
            # Redis went away before this process had read all changes from it.
            await self.read_recent()
        await self._warm_recent()

    async def _read_due(self) -> None:
        for user_no, user_id in list(self._due.items()):
            # Taken out before: it may become due again while it is read.
            del self._due[user_no]
            current = False
            try:
                current = not await self._read_again({user_no: user_id})
            finally:
                if not current:
                    self._due.setdefault(user_no, user_id)
            if not current:
                break

    async def read_recent(self) -> None:
        """Read those who came last: notifications about them may have been missed.

        They are few, however many are cached: until they are read the process is not connected. A
        process that has just been started need not read them again.
        """
        losses = self._exclusion_cache.losses
        newest = await self._excluded_items.find_recent_users(_AT_ONCE)
        await self._restore(newest)
        if self._restored_losses is None:
            self._begun = (losses, frozenset(newest))

    async def _warm_recent(self) -> None:
        if self._exclusion_cache.losses != self._restored_losses:
            await self._find_recent()
        until = time.monotonic() + _TURN_SECONDS
        while self._left and time.monotonic() < until:
            await self._read_on()

    async def _find_recent(self) -> None:
        losses = self._exclusion_cache.losses
        found = await self._excluded_items.find_recent_users(self._recent_users)
        (when, read), self._begun = self._begun, (0, frozenset())
        self._left = [no for no in found if when != losses or no not in read]
        self._restored_losses = losses

    async def _read_on(self) -> None:
        batch = self._left[:_AT_ONCE]
        await self._restore(batch)
        del self._left[: len(batch)]

    async def _restore(self, user_nos: Sequence[UserNo]) -> None:
        since = self._exclusion_cache.now
        users = await self._excluded_items.load_exclusions(user_nos)
        await self._exclusion_cache.restore(users, since=since)
