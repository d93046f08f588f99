"""What is known of a user: history, for the user's own token too, and all of it for a key."""

import uuid
from datetime import datetime
from typing import Annotated

from annotated_types import Ge, Le
from fastapi import APIRouter, Path, Query
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from domain.errors import UnknownUserError
from domain.identifiers import UserId
from serving.access.requirements import may_read_history, may_read_users
from serving.http.errors import problems_of_request
from serving.http.routing import TandemRoute, provided
from serving.http.values import AS_INTEGER, UserIdentifier
from serving.users.exporting import UserExporter
from serving.users.history import Cursor, Histories

MOST_EVENTS = 1_000

router = APIRouter(prefix="/v1", tags=["users"], route_class=TandemRoute)

FromUserExporter = Annotated[UserExporter, provided(UserExporter)]
FromHistories = Annotated[Histories, provided(Histories)]


class HistoryEventAnswer(BaseModel):
    """One event."""

    model_config = ConfigDict(from_attributes=True)

    event_id: uuid.UUID = Field(
        description="Under which the log has it: an id that is no UUID stands as one made of it."
    )
    item_id: str = Field(examples=["stalker-1979"])
    title: str = Field(examples=["Stalker"])
    kind: str = Field(examples=["view"])
    value: float | None = Field(description="As it came; null where the kind takes none.")
    occurred_at: datetime
    recommendation_id: uuid.UUID | None = Field(
        description="The recommendation that led to it; null: none was named."
    )


class HistoryAnswer(BaseModel):
    """What a user has done, newest first."""

    user_id: str = Field(examples=["ann"])
    events: list[HistoryEventAnswer]
    next: str | None = Field(description="The cursor of what follows; null: this was the last.")


@router.get(
    "/users/{user_id:id}/history",
    dependencies=[may_read_history],
    responses=problems_of_request(),
)
async def history(
    user_id: Annotated[UserIdentifier, Path(examples=["ann"])],
    histories: FromHistories,
    limit: Annotated[
        int, Ge(1), Le(MOST_EVENTS), AS_INTEGER, Query(description="How many events.")
    ] = 100,
    cursor: Annotated[
        str | None, Query(max_length=100, description="`next` of the answer before.")
    ] = None,
) -> HistoryAnswer:
    """What a user has done, the newest first; nothing for somebody unknown.

    Deleted events are not among it. With a token for one user, `me` stands for that user.
    """
    at = None if cursor is None else Cursor.decode(cursor)
    page = await histories.load(UserId(user_id), at, events=limit)
    return HistoryAnswer(
        user_id=user_id,
        events=[HistoryEventAnswer.model_validate(event) for event in page.events],
        next=None if page.next is None else page.next.encode(),
    )


@router.get(
    "/users/{user_id:id}/export",
    dependencies=[may_read_users],
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "Lines of JSON; the last has the record `end`, and counts the others.",
            "content": {"text/plain": {"schema": {"type": "string"}}},
        },
        **problems_of_request(UnknownUserError),
    },
)
async def export_user(
    user_id: Annotated[UserIdentifier, Path(examples=["ann"])], exporter: FromUserExporter
) -> StreamingResponse:
    """All that is stored of a user, as lines of JSON: what the user may ask for.

    Each line has a `record`: user, merged_user, account, session, preference, event, deleted_event,
    impression.
    If the last one is not `end` the export broke off: ask again.
    """
    lines = await exporter.find(UserId(user_id))
    return StreamingResponse(lines, media_type="text/plain")
