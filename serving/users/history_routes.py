"""GET /v1/users/{user_id}/history: a key of the scope `users`, or the user's own token."""

import uuid
from datetime import datetime
from typing import Annotated

from annotated_types import Ge, Le
from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from domain.identifiers import UserId
from serving.access.requirements import may_read_history
from serving.http.errors import problems_of_request
from serving.http.routing import TandemRoute, provided
from serving.http.values import AS_INTEGER, UserIdentifier
from serving.users.history import Cursor, Histories

MOST_EVENTS = 1_000

router = APIRouter(prefix="/v1", tags=["users"], route_class=TandemRoute)

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
