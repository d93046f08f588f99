"""GET /v1/items/{item_id}/similar and GET /v1/similar."""

from typing import Annotated

import orjson
from fastapi import APIRouter, Path, Query, Response

from domain.errors import UnknownItemError
from domain.identifiers import UserId
from serving.access.requirements import FromServices, may_read
from serving.http.errors import problems_of_request
from serving.http.routing import TandemRoute
from serving.http.values import Identifier
from serving.schemas.similar import SimilarAnswer, similar_answer
from serving.schemas.similar_query import SimilarQuery, SimilarToSeveralQuery
from serving.services.searching.similar import SimilarRequest

router = APIRouter(prefix="/v1", tags=["search"], route_class=TandemRoute)

_PROBLEMS = problems_of_request(UnknownItemError)


@router.get(
    "/items/{item_id:id}/similar",
    dependencies=[may_read],
    response_model=SimilarAnswer,
    responses=_PROBLEMS,
)
async def similar_to_item(
    item_id: Annotated[Identifier, Path(examples=["stalker-1979"])],
    services: FromServices,
    asked: Annotated[SimilarQuery, Query()],
) -> Response:
    """Items like this one: used by the same people, and similar in what is said of them.

    As many as were asked for, or all that are eligible. An item that is new has neighbours too.
    """
    return await _similar(services, asked.user(), asked.like([item_id]))


@router.get(
    "/similar",
    dependencies=[may_read],
    response_model=SimilarAnswer,
    responses=_PROBLEMS,
)
async def similar_to_items(
    services: FromServices, asked: Annotated[SimilarToSeveralQuery, Query()]
) -> Response:
    """Items like several, as those in a cart or of a page: near to the middle of them all."""
    return await _similar(services, asked.user(), asked.like(asked.item_id))


async def _similar(
    services: FromServices, user_id: UserId | None, request: SimilarRequest
) -> Response:
    found = await services.similar.similar(user_id, request)
    return Response(orjson.dumps(similar_answer(found)), media_type="application/json")
