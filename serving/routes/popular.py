"""GET /v1/popular."""

from typing import Annotated

import orjson
from fastapi import APIRouter, Query, Response

from domain.identifiers import UserId
from serving.access.requirements import FromServices, may_read
from serving.http.errors import problems_of_request
from serving.http.routing import TandemRoute
from serving.schemas.finding import Limit
from serving.schemas.named import PopularWindow
from serving.schemas.popular import Category, ForUser, PopularAnswer, scored_answer
from serving.services.non_personalized.non_personalized_list import (
    ListKey,
    ListName,
    NonPersonalizedRequest,
)

router = APIRouter(prefix="/v1", tags=["recommendations"], route_class=TandemRoute)

_LISTS: dict[str | None, ListName] = {
    None: "popular",
    "day": "popular_day",
    "week": "popular_week",
    "month": "popular_month",
    "all": "all_time",
}


@router.get(
    "/popular",
    dependencies=[may_read],
    response_model=PopularAnswer,
    responses=problems_of_request(),
)
async def popular(
    services: FromServices,
    limit: Limit = 20,
    window: Annotated[
        PopularWindow | None,
        Query(
            description="The last day, 7 days, 30 days, or all of time: each user who liked an item"
            " counts once. Left out: the last 90 days, newer likings counting more."
        ),
    ] = None,
    category: Category = "",
    user_id: ForUser = None,
) -> Response:
    """What is popular with everybody, in the whole catalogue or in a category.

    As many items as were asked for, or all that are eligible. A window with fewer is filled up with
    what is popular otherwise, then with any items.
    """
    request = NonPersonalizedRequest(
        ListKey(_LISTS[window], category), limit, None if user_id is None else UserId(user_id)
    )
    listed = await services.non_personalized.answer(request)
    return Response(orjson.dumps(scored_answer(listed)), media_type="application/json")
