"""What is wrong with an event, before it is recorded."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from domain.identifiers import ItemNo
from domain.interactions import EventKind
from serving.runtime.faults import MOST_FAULTS, Fault
from serving.schemas.events import EventBody, RefusedEvent

_LONGEST_REPORTED_KIND = 80
_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Known:
    """What an event is checked against."""

    kinds: Mapping[str, EventKind]
    item_nos: Mapping[str, ItemNo]
    now: datetime
    latest: datetime


def event_faults(index: int, event: EventBody | RefusedEvent, known: Known) -> list[Fault]:
    """All that is wrong with the event at this index of a batch."""
    if isinstance(event, RefusedEvent):
        return [Fault(f"/events/{index}{fault.pointer}", fault.detail) for fault in event.faults]
    found = []
    if event.kind not in known.kinds:
        kinds = ", ".join(sorted(known.kinds))
        found.append(
            Fault(
                "kind",
                f"There is no kind {event.kind[:_LONGEST_REPORTED_KIND]!r}. Known kinds: {kinds}.",
            )
        )
    else:
        found.extend(value_faults(event, known.kinds))
    if event.item_id not in known.item_nos:
        advice = "Create it first with PUT /v1/items/{item_id}."
        found.append(Fault("item_id", f"There is no item {event.item_id!r}. {advice}"))
    if event.occurred_at is not None:
        found.extend(_time_faults(event.occurred_at, known))
    return [Fault(f"/events/{index}/{fault.pointer}", fault.detail) for fault in found]


def value_faults(event: EventBody, kinds: Mapping[str, EventKind]) -> list[Fault]:
    """What is wrong with the value of an event of a known kind."""
    kind = kinds[event.kind]
    least, most = kind.smallest_value, kind.greatest_value
    if least is None or most is None:
        if event.value is None:
            return []
        detail = f"An event of the kind {kind.kind!r} has no value. {_with_values(kinds.values())}"
        return [Fault("value", detail)]
    if event.value is None:
        detail = f"An event of the kind {kind.kind!r} needs a value from {least:g} to {most:g}."
        return [Fault("value", detail)]
    if not least <= event.value <= most:
        detail = f"The value of the kind {kind.kind!r} is a number from {least:g} to {most:g}."
        return [Fault("value", detail)]
    return []


def summary(faults: Sequence[Fault]) -> str:
    """The sentence over all that is wrong with a batch."""
    more = f" The first {MOST_FAULTS} are listed." if len(faults) > MOST_FAULTS else ""
    return f"Nothing was stored: {len(faults)} fault(s) in the events.{more}"


def _with_values(kinds: Iterable[EventKind]) -> str:
    names = ", ".join(sorted(kind.kind for kind in kinds if kind.smallest_value is not None))
    return f"Kinds that have one: {names}." if names else "No kind has one."


def _time_faults(occurred_at: datetime, known: Known) -> list[Fault]:
    if occurred_at > known.latest:
        ahead = (occurred_at - known.now).total_seconds()
        detail = (
            f"This is {ahead:.0f} seconds in the future; the server's time is {known.now:%FT%TZ}."
        )
        return [Fault("occurred_at", detail)]
    if occurred_at < _EARLIEST:
        return [Fault("occurred_at", "Events before 1970-01-01 are not accepted.")]
    return []
