"""What is wrong with events: before they are recorded, and where an id was recorded before."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime

from domain.event_words import LEFT_OUT, kind_of_word
from domain.identifiers import ItemNo
from domain.interactions import EventKind, Scale, parse_scale
from serving.events.event_log import EventContent
from serving.events.schemas import EventBody
from serving.http.entries import RefusedEntry, faults_of_entry
from serving.runtime.faults import MOST_FAULTS, ConflictingEventsError, Fault

_LONGEST_REPORTED_KIND = 80
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Known:
    """What an event is checked against."""

    kinds: Mapping[str, EventKind]
    item_nos: Mapping[str, ItemNo]
    now: datetime
    latest: datetime


def event_faults(index: int, event: EventBody | RefusedEntry, known: Known) -> list[Fault]:
    """All that is wrong with the event at this index of a batch."""
    if isinstance(event, RefusedEntry):
        return faults_of_entry("events", index, event.faults)
    found = []
    if event.kind not in known.kinds:
        found.append(Fault("/kind", _unknown_kind(event.kind, known.kinds)))
    else:
        found.extend(value_faults(event, known.kinds))
    if event.item_id not in known.item_nos:
        advice = "Create it first with PUT /v1/items/{item_id}."
        found.append(Fault("/item_id", f"There is no item {event.item_id!r}. {advice}"))
    if event.occurred_at is not None:
        found.extend(_time_faults(event.occurred_at, known))
    return faults_of_entry("events", index, found)


def in_our_words(
    event: EventBody | RefusedEntry, kinds: Mapping[str, EventKind]
) -> EventBody | RefusedEntry:
    """The event under our kind where its own is another word for it, as `addtocart` for `cart`."""
    if isinstance(event, RefusedEntry) or event.kind in kinds:
        return event
    try:
        kind = kind_of_word(event.kind, tuple(kinds))
    except KeyError:
        return event
    return event if kind is LEFT_OUT else event.model_copy(update={"kind": kind})


def _unknown_kind(given: str, kinds: Mapping[str, EventKind]) -> str:
    shown = given[:_LONGEST_REPORTED_KIND]
    try:
        kind_of_word(given, tuple(kinds))
    except KeyError:
        known = ", ".join(sorted(kinds))
        return f"There is no kind {shown!r}. Known kinds: {known}."
    return f"Events of the kind {shown!r} say nothing of taste: do not send them."


def value_faults(event: EventBody, kinds: Mapping[str, EventKind]) -> list[Fault]:
    """What is wrong with the value of an event of a known kind."""
    kind = kinds[event.kind]
    if kind.rating_scale is not None:
        return _rating_faults(event, kind.rating_scale)
    faults = _bounds_faults(event, kind, kinds.values())
    if event.scale is not None:
        detail = f"An event of the kind {kind.kind!r} has no scale: it is no rating."
        faults.append(Fault("/scale", f"{detail} {_ratings(kinds.values())}"))
    return faults


def rating_scale(event: EventBody, kind: EventKind) -> Scale | None:
    """What the rating of an event without a fault lies on; None: it is no rating."""
    if kind.rating_scale is None or event.scale is None:
        return kind.rating_scale
    return parse_scale(event.scale)


def scale_fault(index: int) -> Fault:
    """Of an event whose scale has no number, as there are too many already."""
    detail = "Ratings came on so many different scales already that no new one is taken."
    return Fault(f"/events/{index}/scale", detail)


def _rating_faults(event: EventBody, own: Scale) -> list[Fault]:
    scale = own if event.scale is None else parse_scale(event.scale)
    if event.value is not None and event.value in scale:
        return []
    bounds = f"from {scale.least:g} to {scale.greatest:g}"
    if event.value is None:
        detail = f"An event of the kind {event.kind!r} needs a value: the rating, {bounds}."
    else:
        detail = f"The value of the kind {event.kind!r} is a rating {bounds}."
    if event.scale is None:
        detail += (
            ' Ratings on another scale name it: "scale": "1:10" with the event, or for all of'
            f" them `tandem kind set {event.kind} --scale 1:10`."
        )
    return [Fault("/value", detail)]


def _bounds_faults(event: EventBody, kind: EventKind, kinds: Iterable[EventKind]) -> list[Fault]:
    least, most = kind.smallest_value, kind.greatest_value
    if least is None or most is None:
        if event.value is None:
            return []
        detail = f"An event of the kind {kind.kind!r} has no value. {_with_values(kinds)}"
        return [Fault("/value", detail)]
    if event.value is None:
        detail = f"An event of the kind {kind.kind!r} needs a value from {least:g} to {most:g}."
        return [Fault("/value", detail)]
    if not least <= event.value <= most:
        detail = f"The value of the kind {kind.kind!r} is a number from {least:g} to {most:g}."
        return [Fault("/value", detail)]
    return []


def _with_values(kinds: Iterable[EventKind]) -> str:
    names = ", ".join(sorted(kind.kind for kind in kinds if kind.smallest_value is not None))
    return f"Kinds that have one: {names}." if names else "No kind has one."


def _ratings(kinds: Iterable[EventKind]) -> str:
    names = ", ".join(sorted(kind.kind for kind in kinds if kind.rating_scale is not None))
    return f"Kinds of ratings: {names}." if names else "No kind is one of ratings."


def _time_faults(occurred_at: datetime, known: Known) -> list[Fault]:
    if occurred_at > known.latest:
        ahead = (occurred_at - known.now).total_seconds()
        detail = (
            f"This is {ahead:.0f} seconds in the future; the server's time is {known.now:%FT%TZ}."
        )
        return [Fault("/occurred_at", detail)]
    if occurred_at < EARLIEST:
        return [Fault("/occurred_at", "Events before 1970-01-01 are not accepted.")]
    return []


@dataclass(frozen=True, slots=True)
class SentEvent:
    """An event of a batch as it was sent, under the id it is stored by."""

    index: int
    """Where it stood in what was sent."""
    event_id: uuid.UUID
    sent_id: str
    content: EventContent


def conflict_faults(
    batch: Sequence[SentEvent],
    indexes: Sequence[int],
    logged: Mapping[uuid.UUID, EventContent],
) -> list[Fault]:
    """The differing fields of the events at these indexes of a batch, one fault an event."""
    first: dict[uuid.UUID, SentEvent] = {}
    for event in batch:
        first.setdefault(event.event_id, event)
    faults = []
    for event in (batch[index] for index in indexes):
        there, earlier = logged.get(event.event_id), first[event.event_id]
        where = "was recorded before" if there else f"stands at /events/{earlier.index} too"
        differences = _differences(there or earlier.content, event.content)
        detail = f"The event id {event.sent_id!r} {where} with another content: {differences}."
        faults.append(Fault(f"/events/{event.index}/event_id", detail))
    return faults


def conflict_of(faults: Sequence[Fault], events: int) -> ConflictingEventsError:
    """The error of a batch with so many events whose ids came with another content."""
    more = f" The first {MOST_FAULTS} are listed." if events > MOST_FAULTS else ""
    summary = f"Nothing was stored: {events} event id(s) came with another content.{more}"
    advice = "An event cannot be changed: delete it, and send the right one with an id of its own."
    return ConflictingEventsError(f"{summary} {advice}", faults)


def _differences(there: EventContent, here: EventContent) -> str:
    """The fields in which two events differ, with the values of both."""
    differences = []
    for name in (field.name for field in fields(EventContent)):
        before, now = getattr(there, name), getattr(here, name)
        # A time that is not given may be any.
        if before != now and not (name == "occurred_at" and now is None):
            differences.append(f"{name} {_shown(before)} there, {_shown(now)} here")
    # The log may have changed since the conflict was found.
    return "; ".join(differences) or "it differed when it was compared"


def _shown(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Scale):
        return str(value)
    return "none" if value is None else repr(value)
