"""POST /v1/events."""

from http import HTTPStatus

from fastapi import APIRouter

from domain.errors import (
    ForbiddenError,
    InvalidInputError,
    StoreUnavailableError,
    UnauthenticatedError,
)
from serving.dependencies import FromServices, may_write
from serving.errors import problem_responses
from serving.faults import BodyTooLargeError, MalformedBodyError
from serving.schemas.events import EventBatch, RecordedAnswer

router = APIRouter(prefix="/v1", tags=["events"])


@router.post(
    "/events",
    dependencies=[may_write],
    status_code=HTTPStatus.ACCEPTED,
    responses=problem_responses(
        MalformedBodyError,
        UnauthenticatedError,
        ForbiddenError,
        BodyTooLargeError,
        InvalidInputError,
        StoreUnavailableError,
    ),
)
async def record_events(batch: EventBatch, services: FromServices) -> RecordedAnswer:
    """Record what users did: all events of the batch, or none and the reasons.

    An event with an `event_id` counts once, however often it is sent; so a request that failed or
    timed out can be sent again. After the answer no list recommends what the user has just seen.
    """
    recorded = await services.recorder.record(batch.entries())
    return RecordedAnswer(accepted=recorded.accepted, duplicates=recorded.duplicates)
