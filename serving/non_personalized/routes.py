"""GET /v1/popular, /v1/trending, /v1/latest and /v1/starter."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Query, Request, Response

from domain.identifiers import ItemNo, UserId
from serving.access.requirements import may_read
from serving.answering.fields import FieldNames, FromItemFields, ItemFields
from serving.answering.list_response import NOT_MODIFIED, IfNoneMatch, list_response
from serving.answering.list_values import AskedContext, AskedPlacement
from serving.answering.own_values import FromOwnValues
from serving.answering.pipeline import Answer
from serving.answering.schemas import Cursor, LeftOut, Limit, WrittenFilter, written_filter
from serving.candidates.filters import Filters, OtherThanItems, Passes
from serving.http.errors import problems_of_request
from serving.http.routing import TandemRoute, provided
from serving.lists.cursor import Scroll
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
from serving.placements.current_placements import FromCurrentPlacements
from serving.placements.found_lists import OF_EVERYBODYS, Placed, find_placed
from serving.placements.schemas import placed_answer
from serving.runtime.faults import CursorExpiredError

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
    """What all these lists can be asked, and what answers it."""

    category: str
    limit: int
    filter: str | None
    written: Passes | None
    """The same as it is for the user."""
    exclude: Sequence[str]
    fields: Sequence[str] | None
    user_id: UserId | None
    cursor: str | None
    if_none_match: str | None
    placed: Placed
    non_personalized: NonPersonalizedService
    item_fields: ItemFields

    async def answer(
        self,
        name: ListName,
        form: Callable[[Answer[NonPersonalizedList]], dict[str, Any]],
        session: str | None = None,
    ) -> Response:
        """One of the lists, from where the query goes on."""
        binding = self.binding(name, session)
        scroll = Scroll.at(self.cursor, binding)
        found = await self.non_personalized.answer(self.for_list(name, session, scroll.shown))
        decision = self.placed.decision
        shown_as = self.non_personalized.exposures.note(self.user_id, decision, found)
        answer = {
            **form(found),
            **placed_answer(decision, shown_as),
            "next": scroll.after(found.result, self.limit, binding),
        }
        fielded = await self.item_fields.put(answer, found.result, self.fields)
        return list_response(fielded, self.if_none_match, is_for_all=self.user_id is None)

    def binding(self, name: ListName, session: str | None) -> str:
        """What stays the same while somebody scrolls: all but the length of a page."""
        parts = (name, session, self.category, self.filter, sorted(self.exclude), self.user_id)
        return f"{orjson.dumps(parts).decode()}\n{self.placed.key}"

    def for_list(
        self, name: ListName, session: str | None, shown: tuple[ItemNo, ...]
    ) -> NonPersonalizedRequest:
        """The request for one of the lists."""
        return NonPersonalizedRequest(
            ListKey(name, self.category),
            self.limit,
            self.written,
            self.user_id,
            session,
            OtherThanItems(frozenset(self.exclude)) if self.exclude else None,
            shown,
            self.placed.rules,
            self.placed.decision,
        )


@dataclass(frozen=True, slots=True)
class _AskedPlacement:
    """What a query says of its placement."""

    placement: str | None
    context: Sequence[str] | None
    user_id: UserId | None

    def user(self) -> UserId | None:
        return self.user_id


async def _list_query(
    *,
    request: Request,
    placements: FromCurrentPlacements,
    own_values: FromOwnValues,
    non_personalized: FromNonPersonalizedService,
    item_fields: FromItemFields,
    limit: Limit = 20,
    category: Category = "",
    filter: WrittenFilter = None,  # noqa: A002 - as the query names it
    exclude: Annotated[LeftOut, Query()] = None,
    fields: Annotated[FieldNames, Query()] = None,
    user_id: ForUser = None,
    cursor: Annotated[Cursor, Query()] = None,
    placement: Annotated[AskedPlacement, Query()] = None,
    context: Annotated[AskedContext, Query()] = None,
    if_none_match: IfNoneMatch = None,
) -> ListQuery:
    user = None if user_id is None else UserId(user_id)
    asked = _AskedPlacement(placement, context, user)
    placed = await find_placed(asked, placements, own_values, OF_EVERYBODYS)
    written = await own_values.written(filter, user_id)
    if placed.values.filter is not None:
        of_placement = written_filter(placed.values.filter)
        filters = Filters() if written is None else Filters((written,))
        both = filters.also_written(await own_values.trusted(of_placement, user))
        written = both.written
    has_limit = "limit" in request.query_params
    return ListQuery(
        category,
        limit if has_limit else placed.values.limit or limit,
        filter,
        written,
        exclude or (),
        fields or placed.values.fields,
        user,
        cursor,
        if_none_match,
        placed,
        non_personalized,
        item_fields,
    )


Asked = Annotated[ListQuery, Depends(_list_query)]


@router.get(
    "/popular",
    dependencies=[may_read],
    response_model=PopularAnswer,
    responses=NOT_MODIFIED | problems_of_request(CursorExpiredError),
)
async def popular(
    asked: Asked,
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
    return await asked.answer(_POPULAR_LISTS[window], scored_answer)


@router.get(
    "/trending",
    dependencies=[may_read],
    response_model=TrendingAnswer,
    responses=NOT_MODIFIED | problems_of_request(CursorExpiredError),
)
async def trending(
    asked: Asked,
    window: Annotated[
        TrendingWindow, Query(description="The last day, the last 7 or the last 30 days.")
    ] = "week",
) -> Response:
    """What rises: liked by surprisingly many in the last window, after the four windows before.

    What rises with everything else does not count, and a few likings do not make a trend. As many
    items as were asked for, or all that are eligible: filled up with what is popular.
    """
    return await asked.answer(TRENDING[window], scored_answer)


@router.get(
    "/latest",
    dependencies=[may_read],
    response_model=LatestAnswer,
    responses=NOT_MODIFIED | problems_of_request(CursorExpiredError),
)
async def latest(
    asked: Asked,
) -> Response:
    """The available items that came into the catalogue last, the newest first."""
    return await asked.answer("latest", named_answer)


@router.get(
    "/starter",
    dependencies=[may_read],
    response_model=StarterAnswer,
    responses=NOT_MODIFIED | problems_of_request(CursorExpiredError),
)
async def starter(
    asked: Asked,
    session: Session = None,
) -> Response:
    """Well-known items for a new user to choose from, each as different as can be from the others.

    However many are asked for, the first ones are the same.
    """
    return await asked.answer("starter", named_answer, session)
