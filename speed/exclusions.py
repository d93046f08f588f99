"""What users must not be shown, kept in Redis for when PostgreSQL does not answer serving.

The API adds each event to what Redis holds of its user. All that is there of a user is read from
the log here, which is followed up to its horizon: bulk loads too, and before there is any run.
"""

import threading
import time
import uuid
from collections.abc import Sequence
from itertools import islice
from typing import cast

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
from speed.pacing import Pace
from sql.exclusions import (
    ExcludedItems,
    load_changed_users,
    load_exclusions,
    load_horizon_and_recovery,
    load_users_before,
)

log = structlog.get_logger()

_FEWEST_USERS, _MOST_USERS = 10, 200
_SECONDS_AT_ONCE = 0.02
"""About so long a turn takes, so that a store is never busy with it for long."""
_ROWS_AT_ONCE = 5_000
_MOST_PENDING = 10_000
"""Up to so many users are found before they are stored, each once for all rows of a load."""
_MOST_PIECES = 100
"""Up to so many pieces of the log are read meanwhile: half a million rows may be of few users."""
_POLL_SECONDS = 1.0
_REST_SECONDS = 0.25
"""After a turn that found nothing to do, or a store away."""
_FILLING_SECONDS = 300
_THE_END = Position(2**62)

# Two workers follow the log. Redis may lose all between a look and this: then another has begun to
# go through the log, and what this one has reached says nothing of that.
_ADVANCE = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
return 1
"""
# To go through the log is begun by one worker, where Redis or PostgreSQL has lost something.
_BEGIN = """
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
return 1
"""
# The marker of another, who began to fill Redis meanwhile, is not renewed.
_RENEW = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('EXPIRE', KEYS[1], ARGV[2])
"""


class KeptExclusions:
    """Stores users' exclusions in Redis, and those of all who came lately if Redis lost them.

    In a thread of its own, as no event is to wait for it to be folded in: the API has put into
    Redis what an event excludes.

    How far the log was followed stands in Redis, so it is lost with what it speaks of. It holds
    until PostgreSQL comes up after a crash, which may have taken what was read of a load: then all
    who came lately are gone through as well. Several workers may do the same: it is recomputed, and
    harmless twice.
    """

    def __init__(
        self,
        engine: Engine,
        client: redis.Redis,
        *,
        seconds: int,
        poll_seconds: float = _POLL_SECONDS,
    ) -> None:
        self._engine = engine
        self._client = client
        self._seconds = seconds
        self._poll_seconds = poll_seconds
        self._poll_at = 0.0
        self._pending: dict[UserNo, None] = {}
        self._users = Pace(_FEWEST_USERS, _FEWEST_USERS, _MOST_USERS, _SECONDS_AT_ONCE)
        self._reached: Position | None = None
        """The log was followed up to here once all pending users are stored."""
        self._lags = False
        """Whether the log went on behind that when it was read."""
        self._finds_more = False
        """Whether more users are found before these are stored."""
        self._pieces = 0
        """How many pieces of the log they were found in."""
        self._filled = b""
        """What Redis said when this worker began to go on from there."""
        self._recovery = b""
        """The one of `load_horizon_and_recovery` that this holds for."""
        self._filling = f"filled by {uuid.uuid4().hex}".encode()
        self._before: Position | None = None
        """How far back the log was gone through; None: nothing was lost."""
        self._end = Position(0)
        """The horizon when that began."""
        self._failing = False

    def run(self, stopping: threading.Event) -> None:
        """Work until `stopping` is set; the stores belong to others half of the time."""
        while not stopping.is_set():
            began = time.monotonic()
            is_idle = self.work_once() is None
            stopping.wait(_REST_SECONDS if is_idle else time.monotonic() - began)

    def work_once(self) -> int | None:
        """Store some of what is due; None: nothing is, or a store is away."""
        try:
            if not self._pending or self._finds_more:
                self._pieces = self._pieces + 1 if self._finds_more else 1
                self._find_more()
                self._finds_more = self._is_to_find_more()
            if self._finds_more:
                return 0
            users = list(islice(self._pending, self._users.size))
            began = time.perf_counter()
            with self._users.halved_by_failures():
                stored = self._store(users) if users else None
            # One that had fewer says nothing of how long so many take.
            if len(users) == self._users.size:
                self._users.note(time.perf_counter() - began)
        except (redis.RedisError, DBAPIError) as error:
            self._note_failure(error)
            return None
        self._failing = False
        return stored

    def _is_to_find_more(self) -> bool:
        if not (self._lags or self._before is not None):
            return False
        is_enough = len(self._pending) >= _MOST_PENDING or self._pieces >= _MOST_PIECES
        return not (self._pending and is_enough)

    def _store(self, user_nos: Sequence[UserNo]) -> int:
        if self._is_filling():
            self._renew()
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
        EXCLUSION_USERS.inc(len(users))
        return len(users)

    def _find_more(self) -> None:
        """Note the users of the next piece of the log, if there is one."""
        if self._before is not None:
            self._go_back(self._before)
            return
        if self._reached is not None:
            if self._pending:
                self._go_on(self._reached)
                return
            self._advance(self._filled, self._reached)
            self._reached = None
        self._lags = False
        if time.monotonic() < self._poll_at:
            return
        filled = cast("bytes | None", self._client.get(EXCLUSIONS_FILLED))
        if filled is None:
            self._begin(b"")
            return
        position, _, recovery = filled.partition(b":")
        if position.isdigit():
            self._filled, self._recovery = filled, recovery
            self._go_on(Position(int(position)))

    def _begin(self, filled: bytes) -> None:
        """Go through the log, unless Redis says something else by now: another just began to."""
        given = (filled, self._filling, _FILLING_SECONDS)
        if self._client.eval(_BEGIN, 1, EXCLUSIONS_FILLED, *given):
            with self._engine.connect() as connection:
                self._end, self._recovery = load_horizon_and_recovery(connection)
            self._before = _THE_END
            self._go_back(_THE_END)

    def _go_back(self, before: Position) -> None:
        """The newest first."""
        if not self._renew():
            # Redis has lost everything once more: the next look begins anew.
            self._before = None
            return
        with self._engine.connect() as connection:
            user_nos, self._before = load_users_before(
                connection, before, rows=_ROWS_AT_ONCE, seconds=self._seconds
            )
        self._pending.update(dict.fromkeys(user_nos))
        if self._before is None:
            self._filled, self._reached = self._filling, self._end

    def _go_on(self, after: Position) -> None:
        """Follow the log from where it was followed to."""
        with self._engine.connect() as connection:
            horizon, recovery = load_horizon_and_recovery(connection)
            is_as_read = recovery == self._recovery
            until = Position(min(horizon, after + _ROWS_AT_ONCE))
            user_nos = list[UserNo]()
            if is_as_read and until > after:
                user_nos = load_changed_users(connection, after=after, until=until)
        if not is_as_read:
            self._reached, self._lags = None, False
            self._begin(self._filled)
            return
        if until <= after:
            self._lags = False
            self._poll_at = time.monotonic() + self._poll_seconds
            return
        self._pending.update(dict.fromkeys(user_nos))
        self._reached, self._lags = until, until < horizon

    def _is_filling(self) -> bool:
        """Whether users wait that were found by going back through the log."""
        is_at_its_end = self._reached is not None and self._filled == self._filling
        return self._before is not None or is_at_its_end

    def _renew(self) -> bool:
        """Whether Redis still says that this worker fills it; then it will for a while."""
        return bool(
            self._client.eval(_RENEW, 1, EXCLUSIONS_FILLED, self._filling, _FILLING_SECONDS)
        )

    def _advance(self, filled: bytes, reached: Position) -> None:
        """Note how far the log was followed, unless Redis says something else by now."""
        known = b"%d:%b" % (reached, self._recovery)
        self._client.eval(_ADVANCE, 1, EXCLUSIONS_FILLED, filled, known)

    def _note_failure(self, error: Exception) -> None:
        EXCLUSION_FAILURES.inc()
        if not self._failing:
            log.warning("exclusions_not_stored", error=str(error), pending=len(self._pending))
        self._failing = True


def _packed(user: ExcludedItems) -> bytes:
    numbers = exclusion_numbers(user.user_no, user.seen, user.disliked, complete=True)
    return packed_numbers(numbers)
