"""POST /v1/events, DELETE /v1/events/{event_id} and GET /v1/event-kinds."""

from dataclasses import asdict
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path

from domain.errors import UnknownEventError
from serving.access.callers import own_user
from serving.access.requirements import FromCaller, may_read, may_write_events
from serving.events.kinds import Kinds
from serving.events.own_events import as_sent_by
from serving.events.record_events import EventRecorder, EventUndoer
from serving.events.schemas import (
    DeletedEventAnswer,
    EventBatch,
    EventKindsAnswer,
    RecordedAnswer,
    event_kinds_answer,
)
from serving.http.errors import problems_of_request
from serving.http.routing import TandemRoute, provided
from serving.http.values import Identifier
from serving.runtime.faults import BodyTooLargeError, ConflictingEventsError, MalformedBodyError

router = APIRouter(prefix="/v1", tags=["events"], route_class=TandemRoute)

FromEventRecorder = Annotated[EventRecorder, provided(EventRecorder)]
FromEventUndoer = Annotated[EventUndoer, provided(EventUndoer)]
FromKinds = Annotated[Kinds, provided(Kinds)]


@router.post(
    "/events",
    dependencies=[may_write_events],
    status_code=HTTPStatus.ACCEPTED,
    responses=problems_of_request(MalformedBodyError, BodyTooLargeError, ConflictingEventsError),
)
async def record_events(
    batch: EventBatch, caller: FromCaller, recorder: FromEventRecorder
) -> RecordedAnswer:
    """Record what users did: all events of the batch, or none and the reasons.

    An event with an `event_id` counts once, however often it is sent; so a request that failed or
    timed out can be sent again. With another content the same id is a conflict (409), and nothing
    of the batch is stored. After the answer no list recommends what the user has just seen.

    A 503 of the type `events-not-acknowledged` has `event_ids`: the events may be recorded. Sent
    again with these ids, in their order, each counts once.

    With a token for one user, `me` stands for that user, events of no other user are taken, and
    ids of events are that user's own: the same id sent with a key is another event.
    """
    recorded = await recorder.record(as_sent_by(caller, batch.entries()), of_user=own_user(caller))
    return RecordedAnswer(**asdict(recorded))


@router.delete(
    "/events/{event_id:id}",
    dependencies=[may_write_events],
    responses=problems_of_request(UnknownEventError),
)
async def delete_event(
    event_id: Annotated[Identifier, Path(examples=["order-1729-line-1"])],
    caller: FromCaller,
    undoer: FromEventUndoer,
) -> DeletedEventAnswer:
    """Delete an event by the `event_id` it was sent with: it never counts again.

    Harmless twice. After the answer its item may be recommended to the user again. An event that is
    sent again after it was deleted is a duplicate and does not come back; one that was never
    received (404) counts if it is sent later. A token for one user deletes what was sent with
    tokens of that user, and a key what was sent with keys.
    """
    deleted = await undoer.undo(event_id, of_user=own_user(caller))
    return DeletedEventAnswer(
        event_id=event_id, deleted=deleted.is_new, deleted_at=deleted.deleted_at
    )


@router.get("/event-kinds", dependencies=[may_read], responses=problems_of_request())
async def event_kinds(kinds: FromKinds) -> EventKindsAnswer:
    """Which kinds of events there are, what each counts, and which values it takes."""
    return event_kinds_answer(await kinds.all())
