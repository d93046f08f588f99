"""POST /v1/impressions: what apps have shown themselves."""

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter

from serving.access.callers import Caller, TokenUser, own_user
from serving.access.own import user_of
from serving.access.requirements import FromCaller, may_write_events
from serving.events.impression_schemas import (
    ImpressionBatch,
    PostedImpression,
    RecordedImpressionsAnswer,
)
from serving.events.posted_impressions import ImpressionRecorder
from serving.http.errors import problems_of_request
from serving.http.routing import TandemRoute, provided
from serving.runtime.faults import BodyTooLargeError, MalformedBodyError

router = APIRouter(prefix="/v1", tags=["events"], route_class=TandemRoute)

FromImpressionRecorder = Annotated[ImpressionRecorder, provided(ImpressionRecorder)]


@router.post(
    "/impressions",
    dependencies=[may_write_events],
    status_code=HTTPStatus.ACCEPTED,
    responses=problems_of_request(MalformedBodyError, BodyTooLargeError),
)
async def record_impressions(
    batch: ImpressionBatch, caller: FromCaller, recorder: FromImpressionRecorder
) -> RecordedImpressionsAnswer:
    """Record lists that an app has shown itself, as it caches them or puts them into mails.

    All of the batch, or none and the reasons. A list counts once by its `recommendation_id`,
    however often it is sent, and not again if Tandem kept it when it was given: so a placement for
    mails decides `impressions: false`, and the app posts what was opened.

    With a token for one user, lists of no other user are taken, and they count for the arm that
    the user was in, whatever `experiment` says.
    """
    posted = [_of_caller(caller, shown) for shown in batch.impressions]
    accepted = await recorder.record(posted, of_user=own_user(caller))
    return RecordedImpressionsAnswer(accepted=accepted, duplicates=len(posted) - accepted)


def _of_caller(caller: Caller, shown: PostedImpression) -> PostedImpression:
    of_caller: dict[str, Any] = {}
    if shown.user_id is not None:
        of_caller["user_id"] = user_of(caller, shown.user_id)
    if isinstance(caller, TokenUser):
        # Whoever has a token may send anything: the arm is computed.
        of_caller["experiment"] = None
    return shown.model_copy(update=of_caller)
