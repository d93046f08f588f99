"""The routes of /v1/events, and GET /v1/event-kinds."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Query

from domain.errors import ForbiddenError, UnknownEventError
from serving.access.callers import own_user
from serving.access.requirements import (
    FromCaller,
    may_read,
    may_read_users,
    may_write,
    may_write_events,
)
from serving.events.checking import Wanted
from serving.events.deleting import EventUndoer
from serving.events.event_log import Events
from serving.events.kinds import Kinds
from serving.events.own_events import as_sent_by
from serving.events.record_events import EventRecorder, RecordedBatch
from serving.events.schemas import (
    DeletedEventAnswer,
    DeletedEventsAnswer,
    DeletedEventsQuery,
    EventBatch,
    EventKindsAnswer,
    EventResult,
    EventsAnswer,
    FoundEventsQuery,
    RecordedAnswer,
    RecordingQuery,
    event_kinds_answer,
    found_event_answer,
)
from serving.http.entries import errors_of
from serving.http.errors import problems_of_request
from serving.http.routing import TandemRoute, provided
from serving.http.values import Identifier
from serving.runtime.faults import (
    BodyTooLargeError,
    ConflictingEventsError,
    Fault,
    MalformedBodyError,
    invalid_request,
)
from serving.users.history import Cursor

router = APIRouter(prefix="/v1", tags=["events"], route_class=TandemRoute)

FromEventRecorder = Annotated[EventRecorder, provided(EventRecorder)]
FromEventUndoer = Annotated[EventUndoer, provided(EventUndoer)]
FromEvents = Annotated[Events, provided(Events)]
FromKinds = Annotated[Kinds, provided(Kinds)]


@router.post(
    "/events",
    dependencies=[may_write_events],
    status_code=HTTPStatus.ACCEPTED,
    responses=problems_of_request(MalformedBodyError, BodyTooLargeError, ConflictingEventsError),
)
async def record_events(
    batch: EventBatch,
    caller: FromCaller,
    recorder: FromEventRecorder,
    query: Annotated[RecordingQuery, Query()],
) -> RecordedAnswer:
    """Record what users did: all events of the batch, or none and the reasons.

    An event with an `event_id` counts once, however often it is sent; so a request that failed or
    timed out can be sent again. With another content the same id is a conflict (409), and nothing
    of the batch is stored. After the answer no list recommends what the user has just seen.

    With `partial=true` good events are recorded though others are refused, and each has a result.

    A 503 of the type `events-not-acknowledged` has `event_ids`: the events may be recorded. Sent
    again with these ids, in their order, each counts once.

    With a token for one user, `me` stands for that user, events of no other user are taken, and
    ids of events are that user's own: the same id sent with a key is another event.
    """
    of_user = own_user(caller)
    if query.create_items and of_user is not None:
        raise ForbiddenError("A token for one user creates no items.")
    wanted = Wanted(of_user=of_user, partial=query.partial, create_items=query.create_items)
    return answer_of(await recorder.record(as_sent_by(caller, batch.entries()), wanted))


def answer_of(recorded: RecordedBatch) -> RecordedAnswer:
    """The body for what became of a batch."""
    counted = {
        "accepted": recorded.accepted,
        "duplicates": recorded.duplicates,
        "event_ids": recorded.event_ids,
    }
    if recorded.results is None:
        return RecordedAnswer(**counted)
    results = [
        EventResult(event_id=event_id, status=result.status, errors=errors_of(result.faults))
        for event_id, result in zip(recorded.event_ids, recorded.results, strict=True)
    ]
    refused = sum(result.status == "refused" for result in results)
    return RecordedAnswer(**counted, refused=refused, results=results)


@router.get("/events", dependencies=[may_read_users], responses=problems_of_request())
async def find_events(
    query: Annotated[FoundEventsQuery, Query()], events: FromEvents, kinds: FromKinds
) -> EventsAnswer:
    """The events of a user, with an item, or both, newest first and page by page.

    Deleted events are not among them.
    """
    bounds = query.bounds()
    if bounds["user_id"] is None and bounds["item_id"] is None:
        raise invalid_request([Fault("query:user_id", "Give user_id, item_id or both.")])
    await kinds.check(query.kind)
    cursor = None if query.cursor is None else Cursor.decode(query.cursor)
    page = await events.find_events(bounds, cursor, events=query.limit)
    return EventsAnswer(
        events=[found_event_answer(row) for row in page.events],
        next=None if page.next is None else page.next.encode(),
    )


@router.delete("/events", dependencies=[may_write], responses=problems_of_request())
async def delete_events(
    query: Annotated[DeletedEventsQuery, Query()], undoer: FromEventUndoer
) -> DeletedEventsAnswer:
    """Delete events of a user, with an item, or of a time: they never count again.

    Up to `limit` at once: while `more` is true, send the same request again. After the answer the
    items may be recommended to these users again. Harmless twice.
    """
    deleted = await undoer.undo_many(query)
    return DeletedEventsAnswer(deleted=deleted, more=deleted == query.limit)


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
