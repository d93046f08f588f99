"""Events from the apps into the log, all of a batch or none and the reasons, or in part."""

from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Literal

from domain.errors import StoreUnavailableError
from domain.identifiers import CANARY_ID, ItemNo, UserId
from domain.interactions import EventKind, Scale
from serving.catalogue.catalogue_keeping import CatalogueKeeping
from serving.events.event_checks import (
    Known,
    SentEvent,
    conflict_faults,
    conflict_of,
    event_faults,
    in_our_words,
    rating_scale,
    scale_fault,
    value_faults,
)
from serving.events.event_log import ConflictError, Events, Recorded
from serving.events.group_commit import GroupCommit
from serving.events.item_numbers import ItemNumbers
from serving.events.kinds import Kinds
from serving.events.new_events import new_event, sent_event, sent_id_of
from serving.events.scales import Scales
from serving.events.schemas import EventBody
from serving.http.entries import RefusedEntry, refuse_all
from serving.runtime.faults import MOST_FAULTS, EventsNotAcknowledgedError, Fault
from serving.runtime.metrics import ServingMetrics
from sql.log import NewEvent

_NO_NUMBER = ItemNo(0)
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """How a batch is to be recorded."""

    of_user: UserId | None = None
    """Whose device has sent it; None: an app, for whomever it names."""
    partial: bool = False
    """Whether good events are recorded though others are refused."""
    create_items: bool = False
    """Whether items that there are none of are created, titled by their ids."""


ALL_OR_NONE = Wanted()


@dataclass(frozen=True, slots=True)
class _GoodEvent:
    """An event that has no fault."""

    index: int
    """Where it stood in what was sent."""
    event: EventBody
    scale: Scale | None
    """What it lies on; None: it is no rating."""


@dataclass(frozen=True, slots=True)
class _Batch:
    """The events of a batch that have no fault, as they were sent and as they are stored."""

    sent: list[SentEvent]
    new: list[NewEvent]
    kinds: Iterable[EventKind]
    event_ids: list[str]
    """Of all events, those with a fault too."""
    faults: dict[int, list[Fault]]


@dataclass(eq=False, slots=True, kw_only=True)
class EventRecorder:
    """Checks and records events."""

    events: Events
    group_commit: GroupCommit
    kinds: Kinds
    scales: Scales
    items: ItemNumbers
    catalogue: CatalogueKeeping
    metrics: ServingMetrics
    future_seconds: float

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
    ) -> tuple[_Batch, Recorded]:
        try:
            checked = await self._checked(batch, wanted)
            return checked, await self._recorded(checked, partial=wanted.partial)
        except EventsNotAcknowledgedError:
            raise
        except StoreUnavailableError as error:
            if error.reason != "conflict" or not may_retry:
                self.metrics.events.labels("refused").inc(len(batch))
                raise
        # Nothing is recorded: an item or a kind may be gone that was there when it was read.
        self.items.forget(event.item_id for event in batch if isinstance(event, EventBody))
        with suppress(StoreUnavailableError):
            await self.kinds.refresh()
        return await self._checked_and_recorded(batch, wanted, may_retry=False)

    async def _checked(self, given: Sequence[EventBody | RefusedEntry], wanted: Wanted) -> _Batch:
        # Another word for a known kind is no reason to look for new kinds.
        kinds = await self.kinds.including(())
        batch = [in_our_words(event, kinds) for event in given]
        events = [event for event in batch if isinstance(event, EventBody)]
        known = await self._look_up(events, create_items=wanted.create_items)
        faults: dict[int, list[Fault]] = {}
        good: list[_GoodEvent] = []
        for index, event in enumerate(batch):
            if found := event_faults(index, event, known):
                faults[index] = found
            elif isinstance(event, EventBody):
                good.append(_GoodEvent(index, event, rating_scale(event, known.kinds[event.kind])))
        if not wanted.partial:
            refuse_all("events", faults)
        scales = {each.scale for each in good if each.scale is not None}
        scale_nos = await self.scales.including(scales)
        for each in good:
            if each.scale is not None and each.scale not in scale_nos:
                faults[each.index] = [scale_fault(each.index)]
        if not wanted.partial:
            refuse_all("events", faults)
        good = [each for each in good if each.index not in faults]
        if wanted.create_items:
            known = await self._with_items((each.event for each in good), known)
        ids = [sent_id_of(event) for event in batch]
        sent = [
            sent_event(each.index, each.event, ids[each.index], each.scale, wanted.of_user)
            for each in good
        ]
        new = [
            new_event(each.event, as_sent, known, scale_nos)
            for each, as_sent in zip(good, sent, strict=True)
        ]
        return _Batch(sent, new, known.kinds.values(), ids, faults)

    async def _look_up(self, events: Sequence[EventBody], *, create_items: bool) -> Known:
        now = datetime.now(UTC)
        kinds = await self.kinds.including(event.kind for event in events)
        if any(event.kind in kinds and value_faults(event, kinds) for event in events):
            # Somebody may have widened the bounds since the last look.
            await self.kinds.refresh()
            kinds = await self.kinds.including(())
        item_ids = {event.item_id for event in events}
        found = await self.items.find(item_ids)
        if create_items:
            # They get numbers once it is sure that their events are good.
            found = {**dict.fromkeys(item_ids, _NO_NUMBER), **found}
        return Known(
            kinds=kinds,
            item_nos=found,
            now=now,
            latest=now + timedelta(seconds=self.future_seconds),
        )

    async def _with_items(self, events: Iterable[EventBody], known: Known) -> Known:
        """The same with the items of these events that there were none of."""
        missing = {event.item_id for event in events if known.item_nos[event.item_id] == _NO_NUMBER}
        if not missing:
            return known
        await self.catalogue.create(missing)
        return replace(known, item_nos={**known.item_nos, **await self.items.find(missing)})

    async def _recorded(self, batch: _Batch, *, partial: bool) -> Recorded:
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
            self.metrics.events.labels("accepted").inc(recorded.accepted)
            self.metrics.events.labels("duplicate").inc(recorded.duplicates)
            self._count_kinds(batch, recorded)
        if not committed.made_known:
            detail = "The events are recorded, but other processes could not be notified."
            raise EventsNotAcknowledgedError(detail, batch.event_ids)
        return recorded

    async def _conflicts(self, batch: _Batch, indexes: Sequence[int]) -> list[Fault]:
        logged = await self.events.find_contents({batch.new[index].event_id for index in indexes})
        return conflict_faults(batch.sent, indexes, logged)

    def _count_kinds(self, batch: _Batch, recorded: Recorded) -> None:
        names = {kind.kind_no: kind.kind for kind in batch.kinds}
        left_out = set(recorded.conflicts)
        taken = Counter(
            names[event.kind_no] for index, event in enumerate(batch.new) if index not in left_out
        )
        for name, events in taken.items():
            self.metrics.events_of_kind.labels(name).inc(events)

    async def _results(self, batch: _Batch, recorded: Recorded) -> list[RecordedEvent]:
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
