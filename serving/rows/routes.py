"""POST /v1/pages."""

from dataclasses import replace
from typing import Annotated

import orjson
from fastapi import APIRouter, Response

from domain.identifiers import UserId
from serving.access.callers import may_see_users
from serving.access.own import user_of
from serving.access.requirements import FromCaller, may_read
from serving.answering.own_values import FromOwnValues, OwnValues
from serving.http.errors import problems_of_request
from serving.http.routing import TandemRoute, provided
from serving.rows.page import PageRequest
from serving.rows.page_maker import PageMaker
from serving.rows.schemas import PageAnswer, PageBody, page_answer, page_request
from serving.runtime.faults import BodyTooLargeError, MalformedBodyError

router = APIRouter(prefix="/v1", tags=["recommendations"], route_class=TandemRoute)

FromPageMaker = Annotated[PageMaker, provided(PageMaker)]


@router.post(
    "/pages",
    dependencies=[may_read],
    response_model=PageAnswer,
    responses=problems_of_request(MalformedBodyError, BodyTooLargeError),
)
async def make_page(
    body: PageBody, caller: FromCaller, page_maker: FromPageMaker, own_values: FromOwnValues
) -> Response:
    """Several lists at once, as the rows of a start page: no item in two of them.

    The rows claim items in their order. All come from one model run. Each has its own
    recommendation_id, so that an event tells which row led to it. A row with fewer items than `min`
    is left out, and named.

    Rows that tell what the user did (continue, and because_of without an item) need a key with the
    scope `users` too, and are left out without it.
    """
    user_id = None if body.user_id is None else UserId(user_of(caller, body.user_id))
    request = page_request(body, user_id, shows_history=may_see_users(caller))
    found = await page_maker.page(await _resolved(request, own_values))
    answer = page_answer(user_id, found)
    # The same items, so that all rows are looked up at once.
    listed = {"items": [item for row in answer["rows"] for item in row["items"]]}
    listed = await page_maker.recommender.item_fields.put(listed, found.answer.result, body.fields)
    del listed["items"]
    return Response(orjson.dumps({**answer, **listed}), media_type="application/json")


async def _resolved(request: PageRequest, own_values: OwnValues) -> PageRequest:
    """The page with the filters as they are for its user."""
    rows = [
        replace(
            row,
            filters=await own_values.resolved(row.filters, request.user_id, f"/rows/{no}/filter"),
        )
        for no, row in enumerate(request.rows)
    ]
    return replace(request, rows=tuple(rows))
