"""GET /v1/search."""

from typing import Annotated

import orjson
from fastapi import APIRouter, Query, Response

from serving.access.requirements import FromServices, may_read
from serving.http.errors import problems_of_request
from serving.http.routing import TandemRoute
from serving.schemas.search import SearchAnswer, search_answer
from serving.schemas.search_query import SearchQuery

router = APIRouter(prefix="/v1", tags=["search"], route_class=TandemRoute)


@router.get(
    "/search",
    dependencies=[may_read],
    response_model=SearchAnswer,
    responses=problems_of_request(),
)
async def search(services: FromServices, asked: Annotated[SearchQuery, Query()]) -> Response:
    """Search the catalogue: by words, by what they mean, and, with user_id, by the user's taste.

    Words typed wrong are corrected if no item has them. As many items as were asked for, or all
    that are eligible: items that match in words, then the nearest in meaning.
    """
    found = await services.searcher.search(asked.user(), asked.to_request())
    return Response(orjson.dumps(search_answer(asked.q, found)), media_type="application/json")
