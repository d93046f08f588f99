"""GET /v1/users/{user_id}/recommendations."""

from typing import Annotated

import orjson
from fastapi import APIRouter, Path, Query, Response

from domain.errors import (
    ForbiddenError,
    InvalidInputError,
    OverloadedError,
    StoreUnavailableError,
    UnauthenticatedError,
)
from domain.identifiers import UserId
from serving.dependencies import FromServices, may_read
from serving.errors import problem_responses
from serving.schemas.identifiers import Identifier
from serving.schemas.recommendations import RecommendationAnswer, recommendation_answer
from serving.services.held_popular import LONGEST
from serving.services.list_making import Wish

router = APIRouter(prefix="/v1", tags=["recommendations"])


@router.get(
    "/users/{user_id:path}/recommendations",
    dependencies=[may_read],
    response_model=RecommendationAnswer,
    responses=problem_responses(
        UnauthenticatedError,
        ForbiddenError,
        InvalidInputError,
        OverloadedError,
        StoreUnavailableError,
    ),
)
async def recommend(
    user_id: Annotated[Identifier, Path(examples=["ann"])],
    services: FromServices,
    limit: Annotated[int, Query(ge=1, le=LONGEST, description="How many items.")] = 20,
    exclude_seen: Annotated[  # noqa: FBT002 -- a query parameter is given by name
        bool,
        Query(description="False: only items the user disliked or hid are left out."),
    ] = True,
    explain: Annotated[  # noqa: FBT002 -- a query parameter is given by name
        bool,
        Query(description="True: tell which of the user's own items brought each item."),
    ] = False,
) -> Response:
    """Recommend items to a user, known or not.

    As many items as were asked for, or all that are eligible: available, not seen, not disliked
    or hidden. The whole answer comes from one model run, which it names.
    """
    wish = Wish(limit, exclude_seen, explain)
    given = await services.recommender.recommend(UserId(user_id), wish)
    body = orjson.dumps(recommendation_answer(user_id, given, explain=explain))
    return Response(body, media_type="application/json")
