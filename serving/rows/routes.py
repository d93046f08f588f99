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
from serving.lists.request import RecommendationRequest
from serving.placements.current_placements import CurrentPlacements, FromCurrentPlacements
from serving.placements.found_lists import OF_ROWS
from serving.placements.placement import AskedList
from serving.rows.page import OF_RECOMMENDATIONS, RowRequest
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
    body: PageBody,
    caller: FromCaller,
    page_maker: FromPageMaker,
    own_values: FromOwnValues,
    placements: FromCurrentPlacements,
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
    rows = [
        await _resolved(no, row, body, request.user_id, own_values, placements)
        for no, row in enumerate(request.rows)
    ]
    found = await page_maker.page(replace(request, rows=tuple(rows)))
    answer = page_answer(user_id, found)
    # The same items, so that all rows are looked up at once.
    listed = {"items": [item for row in answer["rows"] for item in row["items"]]}
    listed = await page_maker.recommender.item_fields.put(listed, found.answer.result, body.fields)
    del listed["items"]
    return Response(orjson.dumps({**answer, **listed}), media_type="application/json")


async def _resolved(  # noqa: PLR0917 -- all that a row depends on
    no: int,
    row: RowRequest,
    body: PageBody,
    user_id: UserId | None,
    own_values: OwnValues,
    placements: CurrentPlacements,
) -> RowRequest:
    """A row with the filters as they are for the user, and what was decided for its placement."""
    asked_row, pointer = body.rows[no], f"/rows/{no}/filter"
    if asked_row.placement is None:
        return replace(row, filters=await own_values.resolved(row.filters, user_id, pointer))
    placement = await placements.find(asked_row.placement, f"/rows/{no}/placement", user_id)
    context = body.context or {}
    if row.kind not in OF_RECOMMENDATIONS:
        placements.check_takes(asked_row.placement, context, OF_ROWS, f"/rows/{no}/placement")
    asked = AskedList(
        RecommendationRequest(row.limit, filters=row.filters),
        has_limit="limit" in asked_row.model_fields_set,
        has_exclude_seen=True,
        context=context,
    )
    request = await placement.placed(asked).for_user(user_id, own_values, pointer)
    return replace(row, filters=request.filters, limit=request.limit, placed=request)
