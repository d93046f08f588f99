"""GET /v1/starter."""

import orjson
from fastapi import APIRouter, Response

from domain.identifiers import UserId
from serving.access.requirements import FromServices, may_read
from serving.http.errors import problems_of_request
from serving.http.routing import TandemRoute
from serving.schemas.finding import Limit
from serving.schemas.popular import (
    Category,
    ForUser,
    Session,
    StarterAnswer,
    named_answer,
)
from serving.services.non_personalized.non_personalized_list import ListKey, NonPersonalizedRequest

router = APIRouter(prefix="/v1", tags=["recommendations"], route_class=TandemRoute)


@router.get(
    "/starter",
    dependencies=[may_read],
    response_model=StarterAnswer,
    responses=problems_of_request(),
)
async def starter(
    services: FromServices,
    limit: Limit = 20,
    category: Category = "",
    user_id: ForUser = None,
    session: Session = None,
) -> Response:
    """Well-known items for a new user to choose from, each as different as can be from the others.

    However many are asked for, the first ones are the same.
    """
    request = NonPersonalizedRequest(
        ListKey("starter", category), limit, None if user_id is None else UserId(user_id), session
    )
    listed = await services.non_personalized.answer(request)
    return Response(orjson.dumps(named_answer(listed)), media_type="application/json")
