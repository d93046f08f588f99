"""The answers of DELETE /v1/events/{event_id} and DELETE /v1/users/{user_id}."""

from datetime import datetime

from pydantic import BaseModel, Field

from serving.repositories.events import DeletedEvent
from serving.services.forgetting import Forgotten


class DeletedEventAnswer(BaseModel):
    """What became of the event; either way it does not count any more."""

    event_id: str = Field(description="As it was given.", examples=["order-1729-line-1"])
    deleted: bool = Field(description="True: just now. False: it was deleted before.")
    deleted_at: datetime | None = Field(
        description="When it was deleted. Null: it went with its user, who was forgotten."
    )


class RemovedCounts(BaseModel):
    """How much was removed, by where it was."""

    users: int = Field(description="1, or 0 if there was no such user.", examples=[1])
    interests: int = Field(description="1 if the user ever declared interests.", examples=[1])
    interactions: int = Field(description="Events of the user.", examples=[214])
    event_deletions: int = Field(description="Notes of events deleted before.", examples=[2])
    impressions: int = Field(description="Answers that were given to the user.", examples=[38])
    recommendation_lists: int = Field(
        description="Batch lists, one in each retained model run.", examples=[3]
    )
    user_embeddings: int = Field(
        description="Live vectors, one in each retained model run.", examples=[3]
    )
    cached_answers: int | None = Field(
        description="Answers in Redis. Null: Redis is away; what it holds does not count when it is"
        " back, and expires.",
        examples=[4],
    )


class ForgottenUserAnswer(BaseModel):
    """What was removed. All numbers are 0 if nothing was known of the user."""

    user_id: str = Field(description="As it was given.", examples=["ann"])
    removed: RemovedCounts


def deleted_event_answer(event_id: str, deleted: DeletedEvent) -> DeletedEventAnswer:
    """The body for a deleted event."""
    return DeletedEventAnswer(
        event_id=event_id, deleted=deleted.is_new, deleted_at=deleted.deleted_at
    )


def forgotten_user_answer(user_id: str, forgotten: Forgotten) -> ForgottenUserAnswer:
    """The body for a forgotten user."""
    removed = RemovedCounts(cached_answers=forgotten.cached_answers, **forgotten.rows)
    return ForgottenUserAnswer(user_id=user_id, removed=removed)
