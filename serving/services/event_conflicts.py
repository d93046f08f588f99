"""Event ids that come with another content than before: what the error says of them."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime

from serving.repositories.events import EventContent
from serving.runtime.faults import MOST_FAULTS, ConflictingEventsError, Fault


@dataclass(frozen=True, slots=True)
class SentEvent:
    """An event of a batch as it was sent, under the id it is stored by."""

    event_id: uuid.UUID
    sent_id: str
    content: EventContent


def conflict_of(
    batch: Sequence[SentEvent],
    indexes: Sequence[int],
    logged: Mapping[uuid.UUID, EventContent],
) -> ConflictingEventsError:
    """The error that names the differing fields of the events at these indexes."""
    first: dict[uuid.UUID, int] = {}
    for index, event in enumerate(batch):
        first.setdefault(event.event_id, index)
    faults = []
    for index in indexes[:MOST_FAULTS]:
        event = batch[index]
        there = logged.get(event.event_id)
        where = "was recorded before" if there else f"stands at /events/{first[event.event_id]} too"
        said = _differences(there or batch[first[event.event_id]].content, event.content)
        detail = f"The event id {event.sent_id!r} {where} with another content: {said}."
        faults.append(Fault(f"/events/{index}/event_id", detail))
    more = f" The first {MOST_FAULTS} are listed." if len(indexes) > MOST_FAULTS else ""
    summary = f"Nothing was stored: {len(indexes)} event id(s) came with another content.{more}"
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
    return "none" if value is None else repr(value)
