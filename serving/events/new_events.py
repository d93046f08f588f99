"""Events as they were sent, as the log takes them, and what they exclude from lists."""

import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC

import numpy as np
import orjson

from domain.identifiers import ScaleNo, UserId, event_uuid, own_event_uuid
from domain.interactions import EventKind, Scale
from serving.answering.kept_context import KeptContext
from serving.events.event_checks import Known, SentEvent
from serving.events.event_log import EventContent
from serving.events.schemas import EventBody
from serving.exclusions.exclusions import Exclusions, UserExclusions
from serving.http.entries import RefusedEntry
from sql.log import NewEvent


def exclusions_by(
    events: Iterable[NewEvent], kinds: Mapping[str, EventKind]
) -> dict[UserId, UserExclusions]:
    """What events exclude from their users' lists; users without anything excluded are absent."""
    by_no = {kind.kind_no: kind for kind in kinds.values()}
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


def sent_id_of(event: EventBody | RefusedEntry) -> str:
    """The id an event was sent with, or a new one."""
    # An event without id gets one here, so that it can be sent again by it, whatever is lost.
    given = event.event_id if isinstance(event, EventBody) else None
    return str(uuid.uuid4()) if given is None else given


def sent_event(
    index: int, event: EventBody, sent_id: str, scale: Scale | None, of_user: UserId | None
) -> SentEvent:
    """The event as others of its id are compared with it."""
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
    return SentEvent(index, stored_id(sent_id, of_user), sent_id, content)


def stored_id(sent_id: str, of_user: UserId | None) -> uuid.UUID:
    """The id the log has an event under; `of_user`: whose device has sent it, None: an app."""
    return event_uuid(sent_id) if of_user is None else own_event_uuid(of_user, sent_id)


def new_event(
    event: EventBody,
    sent: SentEvent,
    known: Known,
    scale_nos: Mapping[Scale, ScaleNo],
    kept_context: KeptContext,
    *,
    adds_context: bool = True,
) -> NewEvent:
    """The event as the log takes it."""
    kind, value, scale = known.kinds[event.kind], sent.content.value, sent.content.scale
    strength = None if value is None else float(kind.strengths(np.array([value]), scale)[0])
    context = kept_context.of(event.context)
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
        context=None if context is None else orjson.dumps(context).decode(),
        adds_context=adds_context,
    )
