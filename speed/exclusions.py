"""What users must not be shown, kept in Redis for when PostgreSQL does not answer serving.

The API adds each event to what Redis holds of its user. All that is there of a user, in bulk loads
too, is read from the log here, as this worker meets every user who did something.
"""

import time
import uuid
from collections.abc import Iterable, Sequence
from itertools import islice

import redis
import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from domain.identifiers import Position, UserNo
from domain.redis_keys import (
    EXCLUSIONS_FILLED,
    STORE_EXCLUSIONS,
    exclusion_numbers,
    exclusions_key,
    packed_numbers,
    user_version,
)
from speed.metrics import EXCLUSION_FAILURES, EXCLUSION_USERS
from sql.exclusions import ExcludedItems, load_exclusions, load_users_before

log = structlog.get_logger()

_USERS_AT_ONCE = 200
"""So many are read between two passes: no event waits for more."""
_ROWS_AT_ONCE = 5_000
_MOST_PENDING = 200_000
_LOOK_SECONDS = 1.0
_FILLING_SECONDS = 60
_FILLED = b"filled"
_THE_END = Position(2**62)


class KeptExclusions:
    """Stores users' exclusions in Redis, and those of all who came lately if Redis lost them."""

    def __init__(self, engine: Engine, client: redis.Redis, *, seconds: int) -> None:
        self._engine = engine
        self._client = client
        self._seconds = seconds
        self._pending: dict[UserNo, None] = {}
        self._filling = f"filling by {uuid.uuid4().hex}".encode()
        self._before: Position | None = None
        """How far back the log was gone through; None: Redis lost nothing."""
        self._overflown = False
        self._look_at = 0.0
        self._failing = False

    def note(self, user_nos: Iterable[UserNo]) -> None:
        """Store these users' exclusions soon; their cached answers were dropped before."""
        self._pending.update(dict.fromkeys(user_nos))
        if len(self._pending) > _MOST_PENDING:
            # Redis has been away for long: the log is gone through when it is back.
            self._pending.clear()
            self._overflown = True

    def work_once(self) -> int | None:
        """Store some of what is due; None: nothing is, or a store is away."""
        try:
            if not self._pending:
                self._look_for_loss()
                self._go_back()
            if not self._pending:
                return None
            return self._store(list(islice(self._pending, _USERS_AT_ONCE)))
        except (redis.RedisError, DBAPIError) as error:
            self._note_failure(error)
            return None

    def _store(self, user_nos: Sequence[UserNo]) -> int:
        # The versions first: whatever is committed after the log is read changes them.
        versions = self._client.mget([user_version(no) for no in user_nos])
        with self._engine.connect() as connection:
            users = load_exclusions(connection, user_nos)
        version_of = dict(zip(user_nos, versions, strict=True))
        with self._client.pipeline(transaction=False) as pipeline:
            for user in users:
                keys = (exclusions_key(user.user_id), user_version(user.user_no))
                version = version_of[user.user_no] or b""
                pipeline.eval(STORE_EXCLUSIONS, 2, *keys, version, _packed(user), self._seconds)
            pipeline.execute()
        for user_no in user_nos:
            self._pending.pop(user_no, None)
        self._failing = False
        EXCLUSION_USERS.inc(len(users))
        return len(users)

    def _look_for_loss(self) -> None:
        """Begin to go through the log if nobody has since Redis was started."""
        if self._before is not None or time.monotonic() < self._look_at:
            return
        self._look_at = time.monotonic() + _LOOK_SECONDS
        if self._overflown:
            self._client.delete(EXCLUSIONS_FILLED)
            self._overflown = False
        if self._client.set(EXCLUSIONS_FILLED, self._filling, nx=True, ex=_FILLING_SECONDS):
            self._before = _THE_END

    def _go_back(self) -> None:
        """Note the users of another piece of the log, the newest first."""
        if self._before is None:
            return
        if self._client.get(EXCLUSIONS_FILLED) != self._filling:
            # Redis has lost everything once more: the next look begins anew.
            self._before = None
            return
        self._client.expire(EXCLUSIONS_FILLED, _FILLING_SECONDS)
        with self._engine.connect() as connection:
            user_nos, self._before = load_users_before(
                connection, self._before, rows=_ROWS_AT_ONCE, seconds=self._seconds
            )
        self._pending.update(dict.fromkeys(user_nos))
        if self._before is None:
            self._client.set(EXCLUSIONS_FILLED, _FILLED)

    def _note_failure(self, error: Exception) -> None:
        EXCLUSION_FAILURES.inc()
        if not self._failing:
            log.warning("exclusions_not_stored", error=str(error), pending=len(self._pending))
        self._failing = True


def _packed(user: ExcludedItems) -> bytes:
    numbers = exclusion_numbers(user.user_no, user.seen, user.against, complete=True)
    return packed_numbers(numbers)
