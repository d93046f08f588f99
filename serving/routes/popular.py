"""GET /v1/popular."""

from typing import Annotated

import orjson
from fastapi import APIRouter, Query, Response

from domain.errors import (
    ForbiddenError,
    InvalidInputError,
    OverloadedError,
    StoreUnavailableError,
    UnauthenticatedError,
)
from serving.dependencies import FromServices, may_read
from serving.errors import problem_responses
from serving.schemas.identifiers import Text
from serving.schemas.popular import PopularAnswer, popular_answer
from serving.services.held_popular import LONGEST

router = APIRouter(prefix="/v1", tags=["recommendations"])


@router.get(
    "/popular",
    dependencies=[may_read],
    response_model=PopularAnswer,
    responses=problem_responses(
        UnauthenticatedError,
        ForbiddenError,
        InvalidInputError,
        OverloadedError,
        StoreUnavailableError,
    ),
)
async def popular(
    services: FromServices,
    limit: Annotated[int, Query(ge=1, le=LONGEST, description="How many items.")] = 20,
    category: Annotated[
        Text, Query(max_length=200, description="Empty: the whole catalogue.")
    ] = "",
) -> Response:
    """What is popular with everybody, in the whole catalogue or in a category."""
    listed = await services.popular.popular(limit, category)
    return Response(orjson.dumps(popular_answer(listed)), media_type="application/json")
