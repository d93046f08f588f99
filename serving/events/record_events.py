"""Events from the apps into the log, all of a batch or none and the reasons, or in part."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from domain.errors import StoreUnavailableError
from domain.identifiers import CANARY_ID
from serving.events.checking import ALL_OR_NONE, CheckedBatch, EventChecker, Wanted
from serving.events.event_checks import conflict_faults, conflict_of
from serving.events.event_log import ConflictError, Events, Recorded
from serving.events.group_commit import GroupCommit
from serving.events.schemas import EventBody
from serving.http.entries import RefusedEntry
from serving.runtime.faults import MOST_FAULTS, EventsNotAcknowledgedError, Fault
from serving.runtime.metrics import ServingMetrics

_NOTHING_SENT = frozenset({"open", "busy", "conflict", "statement"})
"""Reasons for which it is sure that PostgreSQL has recorded nothing."""


@dataclass(frozen=True, slots=True)
class RecordedEvent:
    """What became of one event of a batch that is recorded in part."""

    status: Literal["accepted", "duplicate", "refused"]
    faults: Sequence[Fault] = ()


@dataclass(frozen=True, slots=True)
class RecordedBatch:
    """What became of a batch, and the ids of its events in their order."""

    accepted: int
    duplicates: int
    event_ids: list[str]
    results: Sequence[RecordedEvent] | None = None
    """Of each event; None: all are recorded."""


@dataclass(eq=False, slots=True, kw_only=True)
class EventRecorder:
    """Checks and records events."""

    events: Events
    group_commit: GroupCommit
    checker: EventChecker
    metrics: ServingMetrics

    async def record(
        self, batch: Sequence[EventBody | RefusedEntry], wanted: Wanted = ALL_OR_NONE
    ) -> RecordedBatch:
        """Record a batch; when this returns it is committed and the users' cached answers are gone.

        FaultyInputError names each bad event, and ConflictingEventsError each whose id came with
        another content before: then nothing is recorded, unless it is wanted in part.
        EventsNotAcknowledgedError: it may be.
        """
        checked, recorded = await self._checked_and_recorded(batch, wanted)
        try:
            results = await self._results(checked, recorded) if wanted.partial else None
        except StoreUnavailableError as error:
            detail = "The events are recorded, but not what became of each could be read."
            raise EventsNotAcknowledgedError(detail, checked.event_ids) from error
        return RecordedBatch(recorded.accepted, recorded.duplicates, checked.event_ids, results)

    async def _checked_and_recorded(
        self,
        batch: Sequence[EventBody | RefusedEntry],
        wanted: Wanted,
        *,
        may_retry: bool = True,
    ) -> tuple[CheckedBatch, Recorded]:
        try:
            checked = await self.checker.checked(batch, wanted)
            return checked, await self._recorded(checked, partial=wanted.partial)
        except EventsNotAcknowledgedError:
            raise
        except StoreUnavailableError as error:
            if error.reason != "conflict" or not may_retry:
                self.metrics.events.labels("refused").inc(len(batch))
                raise
        # Nothing is recorded.
        await self.checker.forget(batch)
        return await self._checked_and_recorded(batch, wanted, may_retry=False)

    async def _recorded(self, batch: CheckedBatch, *, partial: bool) -> Recorded:
        if not batch.new:
            return Recorded(0, 0, ())
        try:
            committed = await self.group_commit.record(batch.new, batch.kinds, partial=partial)
        except ConflictError as error:
            listed = error.indexes[:MOST_FAULTS]
            faults = await self._conflicts(batch, listed)
            raise conflict_of(faults, len(error.indexes)) from error
        except StoreUnavailableError as error:
            if error.reason in _NOTHING_SENT:
                raise
            self.metrics.events.labels("unknown").inc(len(batch.new))
            detail = f"{error} It is not known whether the events were recorded."
            raise EventsNotAcknowledgedError(detail, batch.event_ids) from error
        recorded = committed.recorded
        if batch.new[0].user_id != CANARY_ID:
            count_recorded(self.metrics, batch, recorded)
        if not committed.made_known:
            detail = "The events are recorded, but other processes could not be notified."
            raise EventsNotAcknowledgedError(detail, batch.event_ids)
        return recorded

    async def _conflicts(self, batch: CheckedBatch, indexes: Sequence[int]) -> list[Fault]:
        logged = await self.events.find_contents({batch.new[index].event_id for index in indexes})
        return conflict_faults(batch.sent, indexes, logged)

    async def _results(self, batch: CheckedBatch, recorded: Recorded) -> list[RecordedEvent]:
        """What became of each event."""
        results = {
            index: RecordedEvent("refused", faults) for index, faults in batch.faults.items()
        }
        conflicts: Sequence[Fault] = ()
        if recorded.conflicts:
            conflicts = await self._conflicts(batch, recorded.conflicts)
        for position, fault in zip(recorded.conflicts, conflicts, strict=True):
            results[batch.sent[position].index] = RecordedEvent("refused", [fault])
        stored = set(recorded.stored)
        for event in batch.sent:
            if event.index in results:
                continue
            is_new = event.event_id in stored
            results[event.index] = RecordedEvent("accepted" if is_new else "duplicate")
            # Of several with one id the first counts.
            stored.discard(event.event_id)
        return [results[index] for index in range(len(batch.event_ids))]


def count_recorded(metrics: ServingMetrics, batch: CheckedBatch, recorded: Recorded) -> None:
    """Count what became of events that are committed."""
    metrics.events_that_were("accepted").inc(recorded.accepted)
    metrics.events_that_were("duplicate").inc(recorded.duplicates)
    if len(batch.new) == 1 and not recorded.conflicts:
        metrics.events_of(batch.sent[0].content.kind).inc()
        return
    left_out = set(recorded.conflicts)
    taken = Counter(
        event.content.kind for index, event in enumerate(batch.sent) if index not in left_out
    )
    for name, events in taken.items():
        metrics.events_of(name).inc(events)
