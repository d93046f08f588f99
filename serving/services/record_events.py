"""Events from the apps into the log: all of a batch, or none and the reasons."""

import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from domain.errors import StoreUnavailableError
from domain.identifiers import ItemNo, UserId, event_uuid
from domain.interactions import EventKind
from serving.faults import MOST_FAULTS, Fault, FaultyInputError
from serving.metrics import ServingMetrics
from serving.repositories.answers import Answers
from serving.repositories.events import Events, Recorded
from serving.repositories.exclusions import Exclusions, RememberedUser
from serving.schemas.events import EventBody, RefusedEvent
from serving.services.kinds import Kinds
from serving.services.memory.remembered_users import RememberedUsers
from sql.log import NewEvent

_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class _Known:
    """What an event is checked against."""

    kinds: Mapping[str, EventKind]
    item_nos: Mapping[str, ItemNo]
    now: datetime
    latest: datetime


class EventRecorder:
    """Checks and records events."""

    def __init__(
        self,
        *,
        events: Events,
        kinds: Kinds,
        answers: Answers,
        remembered: RememberedUsers,
        metrics: ServingMetrics,
        future_seconds: float,
    ) -> None:
        self._events = events
        self._kinds = kinds
        self._answers = answers
        self._remembered = remembered
        self._metrics = metrics
        self._future = timedelta(seconds=future_seconds)

    async def record(self, batch: Sequence[EventBody | RefusedEvent]) -> Recorded:
        """Record a batch; when this returns it is committed and the users' cached answers are gone.

        FaultyInputError names each bad event, and then nothing is recorded.
        """
        try:
            return await self._record(batch)
        except StoreUnavailableError:
            self._metrics.events.labels("refused").inc(len(batch))
            raise

    async def _record(self, batch: Sequence[EventBody | RefusedEvent]) -> Recorded:
        known = await self._look_up([event for event in batch if isinstance(event, EventBody)])
        faults = [
            fault for place, event in enumerate(batch) for fault in _faults(place, event, known)
        ]
        if faults:
            raise FaultyInputError(_summary(faults), faults)
        new = [_new_event(event, known) for event in batch if isinstance(event, EventBody)]
        recorded = await self._events.record_events(new)
        self._metrics.events.labels("accepted").inc(recorded.accepted)
        self._metrics.events.labels("duplicate").inc(recorded.duplicates)
        in_log = [event for event in new if event.event_id not in recorded.gone]
        excluded = _excluded(in_log, known.kinds.values())
        self._remembered.add(excluded)
        if recorded.touched:
            await self._answers.drop(recorded.touched)
        await self._remembered.tell(excluded)
        return recorded

    async def _look_up(self, events: Sequence[EventBody]) -> _Known:
        now = datetime.now(UTC)
        return _Known(
            kinds=await self._kinds.including(event.kind for event in events),
            item_nos=await self._events.find_item_nos({event.item_id for event in events}),
            now=now,
            latest=now + self._future,
        )


def _faults(place: int, event: EventBody | RefusedEvent, known: _Known) -> list[Fault]:
    if isinstance(event, RefusedEvent):
        return [Fault(f"/events/{place}{fault.pointer}", fault.detail) for fault in event.faults]
    found = []
    if event.kind not in known.kinds:
        kinds = ", ".join(sorted(known.kinds))
        found.append(Fault("kind", f"There is no kind {event.kind!r}. Known kinds: {kinds}."))
    if event.item_id not in known.item_nos:
        advice = "Create it first with PUT /v1/items/{item_id}."
        found.append(Fault("item_id", f"There is no item {event.item_id!r}. {advice}"))
    if event.occurred_at is not None:
        found.extend(_faults_of_time(event.occurred_at, known))
    return [Fault(f"/events/{place}/{fault.pointer}", fault.detail) for fault in found]


def _faults_of_time(occurred_at: datetime, known: _Known) -> list[Fault]:
    if occurred_at > known.latest:
        ahead = (occurred_at - known.now).total_seconds()
        detail = (
            f"This is {ahead:.0f} seconds in the future; the server's time is {known.now:%FT%TZ}."
        )
        return [Fault("occurred_at", detail)]
    if occurred_at < _EARLIEST:
        return [Fault("occurred_at", "Events before 1970-01-01 are not accepted.")]
    return []


def _summary(faults: Sequence[Fault]) -> str:
    more = f" The first {MOST_FAULTS} are listed." if len(faults) > MOST_FAULTS else ""
    return f"Nothing was stored: {len(faults)} fault(s) in the events.{more}"


def _excluded(
    events: Iterable[NewEvent], kinds: Iterable[EventKind]
) -> dict[UserId, RememberedUser]:
    """What events exclude from their users' lists; users without anything excluded are absent."""
    by_no = {kind.kind_no: kind for kind in kinds}
    seen, against = defaultdict(set), defaultdict(set)
    for event in events:
        if by_no[event.kind_no].strength < 0:
            against[event.user_id].add(event.item_no)
        elif by_no[event.kind_no].marks_seen:
            seen[event.user_id].add(event.item_no)
    return {
        user_id: RememberedUser(
            exclusions=Exclusions(frozenset(seen[user_id]), frozenset(against[user_id]))
        )
        for user_id in {*seen, *against}
    }


def _new_event(event: EventBody, known: _Known) -> NewEvent:
    return NewEvent(
        event_id=uuid.uuid4() if event.event_id is None else event_uuid(event.event_id),
        user_id=UserId(event.user_id),
        item_no=known.item_nos[event.item_id],
        kind_no=known.kinds[event.kind].kind_no,
        # The log keeps 32 bits; PostgreSQL refuses what rounds to nothing in them.
        value=None if event.value is None else float(np.float32(event.value)),
        # In UTC, because PostgreSQL refuses offsets beyond 16 hours.
        occurred_at=(event.occurred_at or known.now).astimezone(UTC),
        recommendation_id=event.recommendation_id,
    )
