"""One event without value, scale, context or a word of the app's own, checked with what is at hand.

Most requests hold one such event. `EventChecker` finds out the same of it, in many steps that a
larger batch shares; `tests/serving/test_plain_events.py` compares the two.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from domain.identifiers import ItemNo, UserId
from domain.interactions import EventKind
from serving.events.event_checks import EARLIEST, SentEvent
from serving.events.event_log import EventContent
from serving.events.new_events import sent_id_of, stored_id
from serving.events.schemas import EventBody
from sql.log import NewEvent


def is_plain(event: object, kinds: Mapping[str, EventKind]) -> bool:
    """Whether nothing of an event needs more than to know its kind, its item and the time."""
    if not isinstance(event, EventBody):
        return False
    kind = kinds.get(event.kind)
    return (
        kind is not None
        and (kind.smallest_value is None or kind.greatest_value is None)
        and event.value is None
        and event.scale is None
        and not event.context
    )


def plain_event(
    event: EventBody, kind: EventKind, item_no: ItemNo, *, future_seconds: float
) -> tuple[SentEvent, NewEvent] | None:
    """A plain event as it was sent by an app, and as the log takes it; None: its time is wrong."""
    now, given = datetime.now(UTC), event.occurred_at
    if given is not None:
        if not EARLIEST <= given <= now + timedelta(seconds=future_seconds):
            return None
        # In UTC, because PostgreSQL refuses offsets beyond 16 hours.
        given = given.astimezone(UTC)
    sent_id = sent_id_of(event)
    content = EventContent(event.user_id, event.item_id, event.kind, None, given)
    sent = SentEvent(0, stored_id(sent_id, None), sent_id, content)
    new = NewEvent(
        event_id=sent.event_id,
        user_id=UserId(event.user_id),
        item_no=item_no,
        kind_no=kind.kind_no,
        value=None,
        occurred_at=given or now,
        recommendation_id=event.recommendation_id,
        time_given=given is not None,
    )
    return sent, new
