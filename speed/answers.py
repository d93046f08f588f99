"""Cached answers: dropped as soon as a user's live vector has changed."""

from collections.abc import Iterable

import redis
import structlog

from domain.identifiers import UserNo
from domain.redis_keys import DROP_ANSWERS, VERSION_SECONDS, keys_to_drop
from speed.metrics import DROP_FAILURES

log = structlog.get_logger()

_USERS_PER_ROUND_TRIP = 1000


class CachedAnswers:
    """Drops answers in Redis; what cannot be dropped now is kept in mind and dropped later."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client
        self._pending: set[UserNo] = set()
        self._away = False

    def drop(self, user_nos: Iterable[UserNo]) -> None:
        """Drop the answers of these users and of all that are still pending."""
        self._pending.update(user_nos)
        while self._pending:
            batch = list(self._pending)[:_USERS_PER_ROUND_TRIP]
            try:
                self._drop(batch)
            except redis.RedisError as error:
                self._note_failure(error)
                return
            self._pending.difference_update(batch)
            self._away = False

    def _drop(self, user_nos: list[UserNo]) -> None:
        keys = keys_to_drop(user_nos)
        self._client.eval(DROP_ANSWERS, len(keys), *keys, VERSION_SECONDS)

    def _note_failure(self, error: redis.RedisError) -> None:
        DROP_FAILURES.inc()
        if not self._away:
            log.warning("redis_away", error=str(error), pending_users=len(self._pending))
        self._away = True
