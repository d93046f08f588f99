"""GET /v1/popular, /v1/trending, /v1/latest and /v1/starter."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response

from domain.identifiers import UserId
from serving.access.requirements import may_read
from serving.answering.fields import FieldNames, FromItemFields, ItemFields
from serving.answering.list_response import NOT_MODIFIED, IfNoneMatch, list_response
from serving.answering.own_values import FromOwnValues
from serving.answering.pipeline import Answer
from serving.answering.schemas import LeftOut, Limit, WrittenFilter
from serving.candidates.filters import OtherThanItems, Passes
from serving.http.errors import problems_of_request
from serving.http.routing import TandemRoute, provided
from serving.non_personalized.non_personalized_list import (
    TRENDING,
    ListKey,
    ListName,
    NonPersonalizedList,
    NonPersonalizedRequest,
)
from serving.non_personalized.non_personalized_service import NonPersonalizedService
from serving.non_personalized.schemas import (
    Category,
    ForUser,
    LatestAnswer,
    PopularAnswer,
    PopularWindow,
    Session,
    StarterAnswer,
    TrendingAnswer,
    TrendingWindow,
    named_answer,
    scored_answer,
)

router = APIRouter(prefix="/v1", tags=["recommendations"], route_class=TandemRoute)

FromNonPersonalizedService = Annotated[NonPersonalizedService, provided(NonPersonalizedService)]

_POPULAR_LISTS: dict[str | None, ListName] = {
    None: "popular",
    "day": "popular_day",
    "week": "popular_week",
    "month": "popular_month",
    "all": "all_time",
}


@dataclass(frozen=True, slots=True)
class ListQuery:
    """What all these lists can be asked."""

    category: str
    limit: int
    written: Passes | None
    others: OtherThanItems | None
    fields: Sequence[str] | None
    user_id: UserId | None
    if_none_match: str | None

    def response(self, answer: dict[str, Any]) -> Response:
        """An answer to it."""
        return list_response(answer, self.if_none_match, is_for_all=self.user_id is None)

    def for_list(self, name: ListName, session: str | None = None) -> NonPersonalizedRequest:
        """The request for one of the lists."""
        key = ListKey(name, self.category)
        return NonPersonalizedRequest(
            key, self.limit, self.written, self.user_id, session, self.others
        )


async def _list_query(
    *,
    own_values: FromOwnValues,
    limit: Limit = 20,
    category: Category = "",
    filter: WrittenFilter = None,  # noqa: A002 - as the query names it
    exclude: Annotated[LeftOut, Query()] = None,
    fields: Annotated[FieldNames, Query()] = None,
    user_id: ForUser = None,
    if_none_match: IfNoneMatch = None,
) -> ListQuery:
    written = await own_values.written(filter, user_id)
    others = OtherThanItems(frozenset(exclude)) if exclude else None
    user = None if user_id is None else UserId(user_id)
    return ListQuery(category, limit, written, others, fields, user, if_none_match)


Asked = Annotated[ListQuery, Depends(_list_query)]


@router.get(
    "/popular",
    dependencies=[may_read],
    response_model=PopularAnswer,
    responses=NOT_MODIFIED | problems_of_request(),
)
async def popular(
    non_personalized: FromNonPersonalizedService,
    asked: Asked,
    item_fields: FromItemFields,
    window: Annotated[
        PopularWindow | None,
        Query(
            description="The last day, 7 days, 30 days, or all of time: each user who liked an item"
            " counts once. Left out: the last 90 days, newer likings counting more."
        ),
    ] = None,
) -> Response:
    """What is popular with everybody, in the whole catalogue or in a category.

    As many items as were asked for, or all that are eligible. A window with fewer is filled up with
    what is popular otherwise, then with any items.
    """
    listed = await non_personalized.answer(asked.for_list(_POPULAR_LISTS[window]))
    return await _answered(scored_answer(listed), listed, asked, item_fields)


@router.get(
    "/trending",
    dependencies=[may_read],
    response_model=TrendingAnswer,
    responses=NOT_MODIFIED | problems_of_request(),
)
async def trending(
    non_personalized: FromNonPersonalizedService,
    asked: Asked,
    item_fields: FromItemFields,
    window: Annotated[
        TrendingWindow, Query(description="The last day, the last 7 or the last 30 days.")
    ] = "week",
) -> Response:
    """What rises: liked by surprisingly many in the last window, after the four windows before.

    What rises with everything else does not count, and a few likings do not make a trend. As many
    items as were asked for, or all that are eligible: filled up with what is popular.
    """
    listed = await non_personalized.answer(asked.for_list(TRENDING[window]))
    return await _answered(scored_answer(listed), listed, asked, item_fields)


@router.get(
    "/latest",
    dependencies=[may_read],
    response_model=LatestAnswer,
    responses=NOT_MODIFIED | problems_of_request(),
)
async def latest(
    non_personalized: FromNonPersonalizedService,
    asked: Asked,
    item_fields: FromItemFields,
) -> Response:
    """The available items that came into the catalogue last, the newest first."""
    listed = await non_personalized.answer(asked.for_list("latest"))
    return await _answered(named_answer(listed), listed, asked, item_fields)


@router.get(
    "/starter",
    dependencies=[may_read],
    response_model=StarterAnswer,
    responses=NOT_MODIFIED | problems_of_request(),
)
async def starter(
    non_personalized: FromNonPersonalizedService,
    asked: Asked,
    item_fields: FromItemFields,
    session: Session = None,
) -> Response:
    """Well-known items for a new user to choose from, each as different as can be from the others.

    However many are asked for, the first ones are the same.
    """
    listed = await non_personalized.answer(asked.for_list("starter", session))
    return await _answered(named_answer(listed), listed, asked, item_fields)


async def _answered(
    answer: dict[str, Any],
    found: Answer[NonPersonalizedList],
    asked: ListQuery,
    item_fields: ItemFields,
) -> Response:
    fielded = await item_fields.put(answer, found.result, asked.fields)
    return asked.response(fielded)
