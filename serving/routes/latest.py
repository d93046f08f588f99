"""GET /v1/latest."""

import orjson
from fastapi import APIRouter, Response

from domain.identifiers import UserId
from serving.access.requirements import FromServices, may_read
from serving.http.errors import problems_of_request
from serving.http.routing import TandemRoute
from serving.schemas.finding import Limit
from serving.schemas.popular import Category, ForUser, LatestAnswer, named_answer
from serving.services.non_personalized.non_personalized_list import ListKey, NonPersonalizedRequest

router = APIRouter(prefix="/v1", tags=["recommendations"], route_class=TandemRoute)


@router.get(
    "/latest",
    dependencies=[may_read],
    response_model=LatestAnswer,
    responses=problems_of_request(),
)
async def latest(
    services: FromServices,
    limit: Limit = 20,
    category: Category = "",
    user_id: ForUser = None,
) -> Response:
    """The available items that came into the catalogue last, the newest first."""
    request = NonPersonalizedRequest(
        ListKey("latest", category), limit, None if user_id is None else UserId(user_id)
    )
    listed = await services.non_personalized.answer(request)
    return Response(orjson.dumps(named_answer(listed)), media_type="application/json")
