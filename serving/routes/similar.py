"""GET /v1/items/{item_id}/similar and GET /v1/similar."""

from typing import Annotated

import orjson
from fastapi import APIRouter, Path, Query, Response

from domain.errors import UnknownItemError
from domain.identifiers import ItemId
from serving.dependencies import FromServices, may_read
from serving.errors import problems_of_request
from serving.repositories.filters import Filters
from serving.routing import TandemRoute
from serving.schemas.finding import Categories, ExcludeSeen, Limit, NoCategories, ToUser, user_of
from serving.schemas.identifiers import Identifier
from serving.schemas.similar import SimilarAnswer, similar_answer
from serving.services.searching.similar import SimilarWish

MOST_SEEDS = 20

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
    *,
    limit: Limit = 20,
    user_id: ToUser = None,
    category: Categories = None,
    exclude_category: NoCategories = None,
    exclude_seen: ExcludeSeen = True,
) -> Response:
    """Items like this one: used by the same people, and alike in what is said of them.

    As many as were asked for, or all that are eligible. An item that is new has neighbours too.
    """
    wish = SimilarWish(
        (ItemId(item_id),), limit, Filters.of(category or (), exclude_category or ()), exclude_seen
    )
    return await _similar(services, user_id, wish)


@router.get(
    "/similar",
    dependencies=[may_read],
    response_model=SimilarAnswer,
    responses=_PROBLEMS,
)
async def similar_to_items(
    services: FromServices,
    *,
    item_id: Annotated[
        list[Identifier],
        Query(
            min_length=1,
            max_length=MOST_SEEDS,
            description="Items to be like, each alike; those that do not exist are told.",
            examples=[["stalker-1979", "solaris-1972"]],
        ),
    ],
    limit: Limit = 20,
    user_id: ToUser = None,
    category: Categories = None,
    exclude_category: NoCategories = None,
    exclude_seen: ExcludeSeen = True,
) -> Response:
    """Items like several, as those in a cart or of a page: near to the middle of them all."""
    item_ids = tuple(ItemId(one) for one in dict.fromkeys(item_id))
    return await _similar(
        services,
        user_id,
        SimilarWish(
            item_ids, limit, Filters.of(category or (), exclude_category or ()), exclude_seen
        ),
    )


async def _similar(services: FromServices, user_id: str | None, wish: SimilarWish) -> Response:
    found = await services.similar.similar(user_of(user_id), wish)
    return Response(orjson.dumps(similar_answer(found)), media_type="application/json")
