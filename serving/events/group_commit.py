"""Events of requests that come at once, written and made known together.

A write takes a few milliseconds, most of them the disk's. Whoever comes while one is under way
waits for it, and is taken with the next: one statement, one commit, one drop of cached answers for
all of them. When nothing is under way, a write waits for others only where there were several at
once just before (`Gathering`).
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextvars import Context
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy.exc import DBAPIError

from domain.errors import StoreUnavailableError
from domain.interactions import EventKind
from serving.events.event_log import ConflictError, Events, Recorded
from serving.events.gathering import Gathering
from serving.events.invalidation import Invalidation, RecordedEvents
from serving.runtime.budget import Budget, current, spending
from serving.runtime.metrics import ServingMetrics
from sql.log import NewEvent

_MOST_EVENTS = 1_000
"""Of one write."""
_MOST_SHARED = 100
"""Requests with more events are written by themselves: others would wait for them."""
_RESERVE_SECONDS = 0.1
"""What PostgreSQL says of a write that is late tells more than that it is late."""
_FULL = "Too many requests wait for their events to be written. Try again shortly."
_LATE = "The events could not be written in time. Try again shortly."
_OF_ONE = frozenset({"conflict", "statement"})
"""Reasons that one of the requests may be the cause of."""


@dataclass(frozen=True, slots=True)
class Committed:
    """Events of a request that are in the log."""

    recorded: Recorded
    made_known: bool
    """False: another process may still recommend what their users have seen."""


@dataclass(eq=False, slots=True)
class _Request:
    """The events of a request, checked, on their way into the log."""

    events: Sequence[NewEvent]
    kinds: Mapping[str, EventKind]
    partial: bool
    budget: Budget | None
    committed: asyncio.Future[Committed] = field(default_factory=asyncio.Future)
    is_waiting: bool = False

    def give_up(self) -> None:
        """There is no time left."""
        reason = "busy" if self.is_waiting else "timeout"
        self.settle(StoreUnavailableError(_LATE, reason=reason))

    def settle(self, outcome: Committed | Exception) -> None:
        """Tell who waits, unless nobody does any more."""
        if self.committed.done():
            return
        if isinstance(outcome, Exception):
            self.committed.set_exception(outcome)
        else:
            self.committed.set_result(outcome)


class GroupCommit:
    """Writes the events of several requests by one statement, and of each tells what became of it.

    A request whose caller goes away before its turn is not written; after that it is, and nobody
    else is concerned. If a statement fails for what one of its requests holds, each is written by
    itself.
    """

    def __init__(
        self,
        events: Events,
        invalidation: Invalidation,
        metrics: ServingMetrics,
        *,
        most_waiting: int,
    ) -> None:
        self._events = events
        self._invalidation = invalidation
        self._most_waiting = most_waiting
        self._waiting: deque[_Request] = deque()
        metrics.events_waiting.set_function(lambda: len(self._waiting))
        self._is_writing = False
        self._gathering = Gathering()
        self._timer: asyncio.TimerHandle | None = None
        self._at_hand = 0
        """Requests that wait, are written or are made known."""
        self._tasks: set[asyncio.Task[None]] = set()

    async def record(
        self, events: Sequence[NewEvent], kinds: Mapping[str, EventKind], *, partial: bool
    ) -> Committed:
        """Record the events of a request, all or none, or all but conflicts (`partial`).

        When this returns they are committed, and their users' cached answers are gone.
        StoreUnavailableError with the reason `busy`: too many wait already, or there was no turn in
        time; nothing was written. The errors of `Events.record_events`.
        """
        request = _Request(events, kinds, partial, current())
        if len(events) > _MOST_SHARED:
            self._run(self._write([request]))
            return await self._outcome(request)
        self._enqueue(request)
        self._at_hand += 1
        try:
            return await self._outcome(request)
        finally:
            self._at_hand -= 1

    async def _outcome(self, request: _Request) -> Committed:
        """What became of a request, in time."""
        late = None
        if request.budget is not None:
            left = request.budget.left() + _RESERVE_SECONDS
            # A fifth of what `asyncio.timeout` takes, which must be ready for more.
            late = asyncio.get_running_loop().call_later(left, request.give_up)
        try:
            return await request.committed
        finally:
            if late is not None:
                late.cancel()
            if request.is_waiting:
                self._waiting.remove(request)

    async def close(self) -> None:
        """Return when all that was taken is written."""
        while self._tasks or self._waiting:
            self._begin_at_once()
            await asyncio.wait(self._tasks)

    def _enqueue(self, request: _Request) -> None:
        if len(self._waiting) >= self._most_waiting:
            raise StoreUnavailableError(_FULL, reason="busy")
        request.is_waiting = True
        self._waiting.append(request)
        self._begin()

    def _begin(self) -> None:
        """Begin to write what waits, unless others are likely to come in a moment."""
        if self._is_writing or not self._waiting:
            return
        seconds = self._gathering.seconds(len(self._waiting))
        if not seconds:
            self._begin_at_once()
        elif self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(seconds, self._begin_at_once, context=Context())

    def _begin_at_once(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._waiting and not self._is_writing:
            self._is_writing = True
            self._run(self._write_next())

    async def _write_next(self) -> None:
        """Write what waits by now: all that came in one turn of the event loop, at the least."""
        group: list[_Request] = []
        events = 0
        while self._waiting and events + len(self._waiting[0].events) <= _MOST_EVENTS:
            request = self._waiting.popleft()
            request.is_waiting = False
            # Whoever has just gone away has not left the queue yet.
            if not request.committed.done():
                group.append(request)
                events += len(request.events)
        self._gathering.note_begun(self._at_hand)
        await self._write(group, then=self._go_on)

    def _go_on(self) -> None:
        self._gathering.note_committed()
        self._is_writing = False
        self._begin()

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        # Neither the budget nor the id of the request that happens to begin it are its own.
        task = asyncio.create_task(work, context=Context())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _write(
        self, group: Sequence[_Request], *, then: Callable[[], None] = lambda: None
    ) -> None:
        """Write the events of these requests and tell each; `then` is called after the commit."""
        try:
            with spending(_longest(group)):
                try:
                    outcomes = await self._outcomes(group)
                finally:
                    then()
                await self._make_known(group, outcomes)
        except Exception as error:
            for request in group:
                request.settle(error)
            raise

    async def _outcomes(self, group: Sequence[_Request]) -> list[Recorded | Exception]:
        """What became of each."""
        if len(group) > 1:
            try:
                together = await self._events.record_events(
                    [event for request in group for event in request.events]
                )
            except StoreUnavailableError as error:
                if error.reason not in _OF_ONE:
                    return [error] * len(group)
            except (ConflictError, DBAPIError):
                pass
            else:
                return _divided(together, group)
        return [await self._alone(request) for request in group]

    async def _alone(self, request: _Request) -> Recorded | Exception:
        record = self._events.record_events
        if request.partial:
            record = self._events.record_events_in_part
        try:
            return await record(request.events)
        except (StoreUnavailableError, ConflictError, DBAPIError) as error:
            return error

    async def _make_known(
        self, group: Sequence[_Request], outcomes: Sequence[Recorded | Exception]
    ) -> None:
        """Make known what was recorded, then tell who waits."""
        recorded = [
            RecordedEvents(request.events, request.kinds, outcome)
            for request, outcome in zip(group, outcomes, strict=True)
            if isinstance(outcome, Recorded)
        ]
        made_known = await self._invalidation.make_known(recorded)
        for request, outcome in zip(group, outcomes, strict=True):
            if isinstance(outcome, Recorded):
                request.settle(Committed(outcome, made_known))
            else:
                request.settle(outcome)


def _longest(group: Sequence[_Request]) -> Budget | None:
    """The budget that ends last: nobody has less time than alone."""
    budgets = [request.budget for request in group if request.budget is not None]
    return max(budgets, key=lambda budget: budget.ends_at, default=None)


def _divided(together: Recorded, group: Sequence[_Request]) -> list[Recorded | Exception]:
    """What became of each of several requests; of events with one id the first counts."""
    if not together.duplicates:
        return [
            Recorded(
                len(request.events),
                0,
                together.touched,
                stored=frozenset([event.event_id for event in request.events]),
            )
            for request in group
        ]
    stored = set(together.stored)
    divided: list[Recorded | Exception] = []
    for request in group:
        own = frozenset(event.event_id for event in request.events) & stored
        stored -= own
        duplicates = len(request.events) - len(own)
        divided.append(replace(together, accepted=len(own), duplicates=duplicates, stored=own))
    return divided
