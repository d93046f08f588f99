"""GET /v1/trending."""

from typing import Annotated

import orjson
from fastapi import APIRouter, Query, Response

from domain.identifiers import UserId
from serving.access.requirements import FromServices, may_read
from serving.http.errors import problems_of_request
from serving.http.routing import TandemRoute
from serving.schemas.finding import Limit
from serving.schemas.named import TrendingWindow
from serving.schemas.popular import Category, ForUser, TrendingAnswer, scored_answer
from serving.services.non_personalized.non_personalized_list import (
    ListKey,
    ListName,
    NonPersonalizedRequest,
    Window,
)

router = APIRouter(prefix="/v1", tags=["recommendations"], route_class=TandemRoute)

_LISTS: dict[Window, ListName] = {
    "day": "trending_day",
    "week": "trending_week",
    "month": "trending_month",
}


@router.get(
    "/trending",
    dependencies=[may_read],
    response_model=TrendingAnswer,
    responses=problems_of_request(),
)
async def trending(
    services: FromServices,
    limit: Limit = 20,
    window: Annotated[
        TrendingWindow, Query(description="The last day, the last 7 or the last 30 days.")
    ] = "week",
    category: Category = "",
    user_id: ForUser = None,
) -> Response:
    """What rises: liked by surprisingly many in the last window, after the four windows before.

    What rises with everything else does not count, and a few likings do not make a trend. As many
    items as were asked for, or all that are eligible: filled up with what is popular.
    """
    request = NonPersonalizedRequest(
        ListKey(_LISTS[window], category), limit, None if user_id is None else UserId(user_id)
    )
    listed = await services.non_personalized.answer(request)
    return Response(orjson.dumps(scored_answer(listed)), media_type="application/json")
