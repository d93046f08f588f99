"""Events as their caller may send them: who has a token for one user speaks for that user alone."""

from collections.abc import Sequence

from domain.identifiers import ME
from serving.access.callers import Caller, TokenUser
from serving.access.own import RESERVED_ID, own_id
from serving.events.schemas import EventBody
from serving.http.entries import RefusedEntry


def as_sent_by(
    caller: Caller, batch: Sequence[EventBody | RefusedEntry]
) -> list[EventBody | RefusedEntry]:
    """The events with `me` as the user of the token; ForbiddenError if one is of another user.

    Without a token for one user `me` is nobody's id, and its events are refused one by one.
    """
    return [
        event if isinstance(event, RefusedEntry) else _of_caller(caller, event) for event in batch
    ]


def _of_caller(caller: Caller, event: EventBody) -> EventBody | RefusedEntry:
    if isinstance(caller, TokenUser):
        return event.model_copy(update={"user_id": own_id(caller, event.user_id)})
    return of_app(event)


def of_app(event: EventBody) -> EventBody | RefusedEntry:
    """The same event of an app, for which `me` is nobody."""
    return RefusedEntry((RESERVED_ID,)) if event.user_id == ME else event
