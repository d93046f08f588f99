"""Events from the apps into the log, all of a batch or none and the reasons; and out of it."""

import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from domain.errors import StoreUnavailableError, UnknownEventError
from domain.identifiers import ScaleNo, UserId, event_uuid, own_event_uuid
from domain.interactions import EventKind, Scale
from serving.candidates.catalogue_items import find_item_nos
from serving.events.event_checks import (
    Known,
    SentEvent,
    conflict_of,
    event_faults,
    in_our_words,
    rating_scale,
    scale_faults,
    summary,
    value_faults,
)
from serving.events.event_log import ConflictError, DeletedEvent, EventContent, Events, Recorded
from serving.events.kinds import Kinds
from serving.events.scales import Scales
from serving.events.schemas import EventBody, RefusedEvent
from serving.exclusions.exclusion_cache import ExclusionCache
from serving.exclusions.exclusion_warming import ExclusionWarmer
from serving.exclusions.exclusions import Exclusions, UserExclusions
from serving.postgres.store import ReadStore
from serving.redis.answers import Answers
from serving.runtime.faults import EventsNotAcknowledgedError, FaultyInputError
from serving.runtime.metrics import ServingMetrics
from sql.log import NewEvent

_NOTHING_SENT = frozenset({"open", "busy", "conflict", "statement"})
"""Reasons for which it is sure that PostgreSQL has recorded nothing."""


@dataclass(frozen=True, slots=True)
class RecordedBatch:
    """What became of a batch, and the ids of its events in their order."""

    accepted: int
    duplicates: int
    event_ids: list[str]


@dataclass(frozen=True, slots=True)
class _Batch:
    """A batch without a fault, as it was sent and as it is stored."""

    sent: list[SentEvent]
    new: list[NewEvent]
    kinds: Iterable[EventKind]

    @property
    def event_ids(self) -> list[str]:
        return [event.sent_id for event in self.sent]


@dataclass(eq=False, slots=True, kw_only=True)
class EventRecorder:
    """Checks and records events."""

    store: ReadStore
    events: Events
    kinds: Kinds
    scales: Scales
    answers: Answers
    exclusion_cache: ExclusionCache
    metrics: ServingMetrics
    future_seconds: float

    async def record(
        self, batch: Sequence[EventBody | RefusedEvent], *, of_user: UserId | None = None
    ) -> RecordedBatch:
        """Record a batch; when this returns it is committed and the users' cached answers are gone.

        `of_user`: whose device has sent it; None: an app, for whomever it names.

        FaultyInputError names each bad event, and ConflictingEventsError each whose id came with
        another content before: then nothing is recorded. EventsNotAcknowledgedError: it may be.
        """
        try:
            checked = await self._checked(batch, of_user)
        except StoreUnavailableError:
            self.metrics.events.labels("refused").inc(len(batch))
            raise
        recorded = await self._recorded(checked)
        self.metrics.events.labels("accepted").inc(recorded.accepted)
        self.metrics.events.labels("duplicate").inc(recorded.duplicates)
        await self._make_known(checked, recorded)
        return RecordedBatch(recorded.accepted, recorded.duplicates, checked.event_ids)

    async def _checked(
        self, given: Sequence[EventBody | RefusedEvent], of_user: UserId | None
    ) -> _Batch:
        # Another word for a known kind is no reason to look for new kinds.
        kinds = await self.kinds.including(())
        batch = [
            in_our_words(event, kinds) if isinstance(event, EventBody) else event for event in given
        ]
        events = [event for event in batch if isinstance(event, EventBody)]
        known = await self._look_up(events)
        faults = [
            fault
            for index, event in enumerate(batch)
            for fault in event_faults(index, event, known)
        ]
        if faults:
            raise FaultyInputError(summary(faults), faults)
        scales = [rating_scale(event, known.kinds[event.kind]) for event in events]
        numbers = await self.scales.including(scale for scale in scales if scale is not None)
        if faults := scale_faults(scales, numbers):
            raise FaultyInputError(summary(faults), faults)
        sent = [
            _sent_event(event, scale, of_user) for event, scale in zip(events, scales, strict=True)
        ]
        new = [
            _new_event(event, sent_event, known, numbers)
            for event, sent_event in zip(events, sent, strict=True)
        ]
        return _Batch(sent, new, known.kinds.values())

    async def _look_up(self, events: Sequence[EventBody]) -> Known:
        now = datetime.now(UTC)
        kinds = await self.kinds.including(event.kind for event in events)
        if any(event.kind in kinds and value_faults(event, kinds) for event in events):
            # Somebody may have widened the bounds since the last look.
            await self.kinds.refresh()
            kinds = await self.kinds.including(())
        return Known(
            kinds=kinds,
            item_nos=await find_item_nos(self.store, {event.item_id for event in events}),
            now=now,
            latest=now + timedelta(seconds=self.future_seconds),
        )

    async def _recorded(self, batch: _Batch) -> Recorded:
        try:
            return await self.events.record_events(batch.new)
        except ConflictError as error:
            ids = {batch.new[index].event_id for index in error.indexes}
            logged = await self.events.find_contents(ids)
            raise conflict_of(batch.sent, error.indexes, logged) from error
        except StoreUnavailableError as error:
            if error.reason in _NOTHING_SENT:
                self.metrics.events.labels("refused").inc(len(batch.new))
                raise
            self.metrics.events.labels("unknown").inc(len(batch.new))
            detail = f"{error} It is not known whether the events were recorded."
            raise EventsNotAcknowledgedError(detail, batch.event_ids) from error

    async def _make_known(self, batch: _Batch, recorded: Recorded) -> None:
        """See to it that no process recommends what the users have just seen."""
        in_log = [event for event in batch.new if event.event_id not in recorded.gone]
        excluded = _excluded(in_log, batch.kinds)
        self.exclusion_cache.add(excluded)
        if recorded.touched:
            await self.answers.drop(recorded.touched)
        try:
            await self.exclusion_cache.publish(excluded)
        except StoreUnavailableError as error:
            detail = "The events are recorded, but other processes could not be notified."
            raise EventsNotAcknowledgedError(detail, batch.event_ids) from error


def _excluded(
    events: Iterable[NewEvent], kinds: Iterable[EventKind]
) -> dict[UserId, UserExclusions]:
    """What events exclude from their users' lists; users without anything excluded are absent."""
    by_no = {kind.kind_no: kind for kind in kinds}
    seen, disliked = defaultdict(set), defaultdict(set)
    for event in events:
        strength = 1.0 if event.strength is None else event.strength
        if by_no[event.kind_no].weight * strength < 0:
            disliked[event.user_id].add(event.item_no)
        elif by_no[event.kind_no].marks_seen:
            seen[event.user_id].add(event.item_no)
    return {
        user_id: UserExclusions(
            exclusions=Exclusions(frozenset(seen[user_id]), frozenset(disliked[user_id]))
        )
        for user_id in {*seen, *disliked}
    }


def _sent_event(event: EventBody, scale: Scale | None, of_user: UserId | None) -> SentEvent:
    # An event without id gets one here, so that it can be sent again by it, whatever is lost.
    sent_id = str(uuid.uuid4()) if event.event_id is None else event.event_id
    content = EventContent(
        event.user_id,
        event.item_id,
        event.kind,
        # The log keeps 32 bits; PostgreSQL refuses what rounds to nothing in them.
        None if event.value is None else float(np.float32(event.value)),
        # In UTC, because PostgreSQL refuses offsets beyond 16 hours.
        None if event.occurred_at is None else event.occurred_at.astimezone(UTC),
        scale,
    )
    return SentEvent(_stored_id(sent_id, of_user), sent_id, content)


def _stored_id(sent_id: str, of_user: UserId | None) -> uuid.UUID:
    return event_uuid(sent_id) if of_user is None else own_event_uuid(of_user, sent_id)


def _new_event(
    event: EventBody, sent: SentEvent, known: Known, scale_nos: Mapping[Scale, ScaleNo]
) -> NewEvent:
    kind, value, scale = known.kinds[event.kind], sent.content.value, sent.content.scale
    strength = None if value is None else float(kind.strengths(np.array([value]), scale)[0])
    return NewEvent(
        event_id=sent.event_id,
        user_id=UserId(event.user_id),
        item_no=known.item_nos[event.item_id],
        kind_no=kind.kind_no,
        value=value,
        occurred_at=sent.content.occurred_at or known.now,
        recommendation_id=event.recommendation_id,
        time_given=sent.content.occurred_at is not None,
        scale_no=None if scale is None else scale_nos[scale],
        strength=strength,
    )


@dataclass(eq=False, slots=True, kw_only=True)
class EventUndoer:
    """Deletes events."""

    events: Events
    answers: Answers
    exclusion_warmer: ExclusionWarmer

    async def undo(self, event_id: str, *, of_user: UserId | None = None) -> DeletedEvent:
        """Delete an event; when this returns no answer knows it but by the run's lists.

        Harmless twice. UnknownEventError if no such event was ever received. `of_user`: whose
        device had sent it; None: an app.
        """
        deleted = await self.events.delete_event(_stored_id(event_id, of_user))
        if deleted is None:
            raise UnknownEventError(
                f"There is no event {event_id!r}. Nothing was deleted, and it will count if it is"
                " sent from now on."
            )
        # The second time too: whoever was first may have died before doing this.
        if deleted.owner is not None:
            await self.answers.drop([deleted.owner.user_no])
            owner = deleted.owner
            await self.exclusion_warmer.reload({owner.user_no: owner.user_id})
        return deleted
