"""GET /v1/search."""

from typing import Annotated

import orjson
from fastapi import APIRouter, Query, Response
from pydantic import AfterValidator

from serving.dependencies import FromServices, may_read
from serving.errors import problems_of_request
from serving.repositories.filters import Filters
from serving.routing import TandemRoute
from serving.schemas.documented import NOT_BLANK, Documented
from serving.schemas.finding import Categories, ExcludeSeen, Limit, NoCategories, ToUser, user_of
from serving.schemas.identifiers import storable_text
from serving.schemas.query_values import QueryBoolean
from serving.schemas.search import SearchAnswer, search_answer
from serving.services.searching.search import SearchWish

LONGEST_QUERY = 200

router = APIRouter(prefix="/v1", tags=["search"], route_class=TandemRoute)


def _query_text(given: str) -> str:
    """ValueError if there is nothing to look for, or too much."""
    if not given.strip():
        raise ValueError(
            "The query q is empty. Give at least one word to look for, as in: toy story"
        )
    if len(given) > LONGEST_QUERY:
        raise ValueError(
            f"The query q is {len(given)} characters long. Give {LONGEST_QUERY} at"
            " most; the words that tell most are enough."
        )
    return given


@router.get(
    "/search",
    dependencies=[may_read],
    response_model=SearchAnswer,
    responses=problems_of_request(),
)
async def search(
    services: FromServices,
    *,
    q: Annotated[
        str,
        AfterValidator(storable_text),
        AfterValidator(_query_text),
        Documented({"minLength": 1, "maxLength": LONGEST_QUERY, **NOT_BLANK.keywords}),
        Query(
            description='Words to look for; "words in quotes" follow each other, -word must not'
            " be there, or parts alternatives. The last word may be the beginning of one, unless a"
            " space follows it.",
            examples=["space odyssey", '"science fiction" -war'],
        ),
    ],
    limit: Limit = 20,
    user_id: ToUser = None,
    category: Categories = None,
    exclude_category: NoCategories = None,
    exclude_seen: ExcludeSeen = False,
    only_words: Annotated[
        QueryBoolean,
        Query(description="True: only items that match in words, however few, or none."),
    ] = False,
    highlight: Annotated[
        QueryBoolean, Query(description="Whether to tell where the words stand.")
    ] = True,
) -> Response:
    """Search the catalogue: by words, by what they mean, and, with user_id, by the user's taste.

    Words typed wrong are corrected if no item has them. As many items as were asked for, or all
    that are eligible: items that match in words, then the nearest in meaning.
    """
    wish = SearchWish(
        q,
        limit,
        Filters.of(category or (), exclude_category or ()),
        exclude_seen,
        only_words,
        highlight,
    )
    found = await services.searcher.search(user_of(user_id), wish)
    return Response(orjson.dumps(search_answer(q, found)), media_type="application/json")
