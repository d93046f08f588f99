"""One way to Redis: commands in, answers out, and None when it is away."""

import asyncio
import secrets
import time
from collections.abc import Awaitable
from typing import Any, NamedTuple, cast

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.driver_info import DriverInfo
from redis.exceptions import RedisError, ResponseError

from domain.redis_keys import CLOCK
from serving.redis.batched_commands import BatchedCommands
from serving.redis.redis_faults import RedisFaults, RedisHealth
from serving.runtime.breaker import Breaker
from serving.runtime.budget import current
from serving.runtime.metrics import ServingMetrics
from serving.runtime.tasks import AbandonedTasks, end, ignore_result

GENERATION = "tandem:answers-generation"
"""A random text in the validity of every answer: a new one drops the answers of all users."""

CATALOGUE = "tandem:catalogue"
"""A random text: another one, and items have changed so that lists must know it at once."""

_DRIVER = DriverInfo()
"""Made once: each connection would read the description of its package for its version, 5 ms."""

_PATIENCE_HEARTBEATS = 4
"""After so many heartbeats' time every process knows of an outage: it takes three to notice one."""
_CONVERGE_HEARTBEATS = 2
"""After so many every process knows that an outage is over."""
_FLAPPING_HEARTBEATS = 12
"""Who takes Redis for away notices within as many that it is not."""
_PAUSE_SECONDS = 0.05
_STALL_SECONDS = 0.02
_DETECTION_HEARTBEATS = 2
"""One may have begun just before Redis went away."""


class Moment(NamedTuple):
    """What was read after a reply, so that it tells what had not happened when that was read."""

    generation: bytes
    """An entry of this generation had not been dropped with all others."""
    catalogue: bytes | None
    """No item had changed since this token was set."""
    clock: bytes | None
    """Nobody's answers had been dropped since; so nobody had become known who was not before."""


class RedisLink:
    """Asks Redis within bounds of time and number; never raises because it is away.

    A drop that could not be made is *pending*: the next thing Redis is sent, before anything is
    read from it, is a new generation. A process that saw Redis fail for longer has one pending as
    well, because others may have lost drops then.
    """

    def __init__(
        self,
        redis_url: str,
        metrics: ServingMetrics,
        breaker: Breaker,
        *,
        timeout_seconds: float,
        heartbeat_seconds: float,
        connections: int = 50,
    ) -> None:
        # Nothing is opened yet. Each command is bounded as a whole; asking again costs more than
        # PostgreSQL's answer.
        self._client = Redis.from_url(
            redis_url, retry=Retry(NoBackoff(), 0), protocol=2, driver_info=_DRIVER
        )
        self._batched = BatchedCommands(
            self._client.connection_pool.make_connection,
            last=("MGET", GENERATION, CATALOGUE, CLOCK),
            timeout_seconds=timeout_seconds,
        )
        self._faults = RedisFaults(metrics)
        self.breaker = breaker
        self._timeout_seconds = timeout_seconds
        self._heartbeat_seconds = heartbeat_seconds
        self._connections = connections
        self._under_way: set[asyncio.Task[Any]] = set()
        self._abandoned = AbandonedTasks()
        self._lost = False
        self._invalidations_due = 0
        self._invalidations_made = 0
        self._converged_at = 0.0

    @property
    def away(self) -> bool:
        """Whether Redis could not be reached when last asked."""
        return self._faults.failing_since is not None

    @property
    def flapping(self) -> bool:
        """Whether it failed lately, here and so perhaps for others still."""
        return self._faults.failed_within(_FLAPPING_HEARTBEATS * self._heartbeat_seconds)

    @property
    def health(self) -> RedisHealth:
        """How it stands with Redis, for whoever asks what is wrong."""
        return self._faults.health(self.breaker)

    @property
    def invalidations_due(self) -> int:
        """How often answers had to be taken for stale because a drop was or may have been lost."""
        return self._invalidations_due

    @property
    def converged(self) -> bool:
        """Whether what is kept now is dropped in time, because every process knows Redis is back.

        One that still takes it for away gives up dropping at once.
        """
        return time.monotonic() >= self._converged_at

    async def ask(self, *command: Any) -> Any:
        """What Redis answers; None when it is away, too slow, or being left alone."""
        admission = self.breaker.admit()
        budget = current()
        seconds = self._timeout_seconds
        if budget is not None:
            seconds = min(seconds, budget.left())
        if admission is None or seconds <= 0 or self._is_full():
            return None
        began_at = time.monotonic()
        try:
            answer = await self._execute(command, seconds)
        except ResponseError as error:
            # Redis is well; it will not do this.
            self.breaker.succeeded(admission)
            self._faults.note_refusal(error)
            return None
        except (RedisError, OSError) as error:
            taken = time.monotonic() - began_at
            if not isinstance(error, TimeoutError) or self._is_fair(seconds, taken):
                self.breaker.failed(admission)
                self._faults.note_failure(error)
            return None
        self.breaker.succeeded(admission)
        self._faults.note_success()
        return answer

    async def ask_batched(self, *command: Any) -> tuple[Any, "Moment"] | None:
        """The same as cheaply as can be while all is well; None: use `ask`, which judges Redis."""
        if not self._is_well():
            return None
        found = await self._batched.ask(command)
        if found is None or isinstance(found[1], Exception):
            return None
        reply, (generation, catalogue, clock) = found
        return None if generation is None else (reply, Moment(generation, catalogue, clock))

    async def ask_twice(self, *command: Any) -> Any:
        """As `ask_with_retry`, but as cheaply as can be while all is well.

        The command may be carried out twice, and must be harmless so.
        """
        found = await self._batched.ask(command) if self._is_well() else None
        return await self.ask_with_retry(*command) if found is None else found[0]

    def _is_well(self) -> bool:
        """Whether nothing is known to be wrong, and nothing is to be made good first."""
        return not (
            self.away
            or self.breaker.state != "closed"
            or self._invalidations_due > self._invalidations_made
        )

    async def ask_unchecked(self, *command: Any) -> Any:
        """The same whatever the breaker says and the budget leaves, for what nothing else can tell.

        Redis is waited for until it is known to be away, but no longer than a heartbeat may take:
        on a machine that is too busy a late answer is better than a wrong one.
        """
        if self._lost and self._is_full():
            return None
        began_at = time.monotonic()
        task = ignore_result(asyncio.create_task(self._execute(command, self._longest_wait)))
        try:
            while not task.done():
                waited = time.monotonic() - began_at
                if waited >= (self._timeout_seconds if self._lost else self._longest_wait):
                    return None
                await asyncio.wait({task}, timeout=self._timeout_seconds)
        finally:
            # Whoever asks may be given up as well.
            if not task.done():
                self._abandoned.add(task)
        try:
            answer = task.result()
        except ResponseError as error:
            self._faults.note_refusal(error)
            return None
        except (RedisError, OSError):
            return None
        self._faults.note_success()
        return answer

    async def ask_with_retry(self, *command: Any) -> Any:
        """The same with patience: None only after an outage that every process has noticed.

        By then all of them have a new generation pending, so what the command should have dropped
        counts nowhere.
        """
        patience = _PATIENCE_HEARTBEATS * self._heartbeat_seconds
        began_at = time.monotonic()
        while True:
            budget = current()
            left = (self._faults.failing_since or began_at) + patience - time.monotonic()
            if left <= 0 or (budget is not None and not budget.left()):
                return await self.ask(*command)
            try:
                answer = await self._execute(command, min(left, 2 * self._heartbeat_seconds))
            except ResponseError as error:
                self._faults.note_refusal(error)
                return None
            except (RedisError, OSError) as error:
                self._faults.note_failure(error)
                self.breaker.probed(well=False)
                await asyncio.sleep(min(_PAUSE_SECONDS, left))
            else:
                self._faults.note_success()
                return answer

    async def heartbeat(self) -> None:
        """Ping Redis, whatever the breaker says, and make pending invalidations."""
        for last in (False, True):
            began_at = time.monotonic()
            try:
                await self._execute(("PING",), self._heartbeat_seconds)
            except (RedisError, OSError) as error:
                taken = time.monotonic() - began_at
                self._lost |= not isinstance(error, TimeoutError) or self._is_timely(
                    self._heartbeat_seconds, taken
                )
                self._faults.note_failure(error)
                self.breaker.probed(well=False)
                if last:
                    self.add_pending_invalidation()
            else:
                self._lost = False
                self._faults.note_success()
                # One that is slower than requests wait is not back.
                self.breaker.probed(well=time.monotonic() - began_at <= self._timeout_seconds)
                return

    def add_pending_invalidation(self) -> None:
        """Redis may hold answers that should be gone: none of them counts when it is back."""
        self._invalidations_due += 1

    async def close(self) -> None:
        """Close all connections; what is still under way is given up."""
        await asyncio.gather(*map(end, tuple(self._under_way)))
        await self._batched.close()
        await self._client.aclose()

    @property
    def _longest_wait(self) -> float:
        """After so many seconds a heartbeat has shown whether Redis is there."""
        return _DETECTION_HEARTBEATS * self._heartbeat_seconds

    def _is_full(self) -> bool:
        return len(self._under_way) >= self._connections

    async def _execute(self, command: tuple[Any, ...], seconds: float) -> Any:
        """The answer, or TimeoutError in time whatever becomes of the command."""
        task = ignore_result(asyncio.create_task(self._ask_in_time(command)))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        try:
            await asyncio.wait({task}, timeout=seconds)
        finally:
            if not task.done():
                self._abandoned.add(task)
        if not task.done():
            raise TimeoutError("Redis does not answer in time")
        return task.result()

    async def _ask_in_time(self, command: tuple[Any, ...]) -> Any:
        due = self._invalidations_due
        if due > self._invalidations_made:
            await self._sent("SET", GENERATION, secrets.token_hex(8))
            self._invalidations_made = max(self._invalidations_made, due)
            self._converged_at = time.monotonic() + _CONVERGE_HEARTBEATS * self._heartbeat_seconds
        return await self._sent(*command)

    def _is_fair(self, seconds: float, taken: float) -> bool:
        """Whether being late with so much time says anything about Redis.

        Not with less time than usual, nor if this process was held up.
        """
        return seconds == self._timeout_seconds and self._is_timely(seconds, taken)

    @staticmethod
    def _is_timely(seconds: float, taken: float) -> bool:
        """Whether the timer rang when it should: this process was not held up itself."""
        return taken < seconds + _STALL_SECONDS

    def _sent(self, *command: Any) -> Awaitable[Any]:
        # redis-py's types leave this method out.
        return cast("Awaitable[Any]", self._client.execute_command(*command))  # type: ignore[no-untyped-call]
