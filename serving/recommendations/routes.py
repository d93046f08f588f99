"""GET /v1/users/{user_id}/recommendations."""

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from domain.identifiers import UserId
from serving.access.requirements import FromCaller, may_read
from serving.answering.list_response import NOT_MODIFIED, IfNoneMatch, list_response
from serving.answering.own_values import FromOwnValues
from serving.http.errors import problems_of_request
from serving.http.routing import TandemRoute, provided
from serving.http.values import UserIdentifier
from serving.lists.cursor import Scroll
from serving.placements.current_placements import FromCurrentPlacements
from serving.recommendations.recommend import Recommender
from serving.recommendations.recommendation_query import RecommendationQuery
from serving.recommendations.schemas import (
    RecommendationAnswer,
    explained_to,
    recommendation_answer,
)
from serving.runtime.faults import CursorExpiredError

router = APIRouter(prefix="/v1", tags=["recommendations"], route_class=TandemRoute)

FromRecommender = Annotated[Recommender, provided(Recommender)]


@router.get(
    "/users/{user_id:id}/recommendations",
    dependencies=[may_read],
    response_model=RecommendationAnswer,
    responses=NOT_MODIFIED | problems_of_request(CursorExpiredError),
)
async def recommend(
    *,
    user_id: Annotated[UserIdentifier, Path(examples=["ann"])],
    caller: FromCaller,
    recommender: FromRecommender,
    own_values: FromOwnValues,
    placements: FromCurrentPlacements,
    asked: Annotated[RecommendationQuery, Query()],
    if_none_match: IfNoneMatch = None,
) -> Response:
    """Recommend items to a user, known or not.

    As many items as were asked for, or all that are eligible: available, not seen, not disliked
    or hidden. The whole answer comes from one model run, which it names. Interests given with the
    request count like interactions before the user's first one, and are stored nowhere.

    With `explain=true` each item has its causes. They tell what the user did, so a key needs the
    scope `users` too: without it they are null, and `because_withheld` says so.

    `next` goes on where the list ends, until all that is eligible was shown: nothing comes twice,
    whatever happens meanwhile.

    `placement` names where the list is shown: what was decided for it holds where the request says
    nothing. The answer names the version.

    With a token for one user, `me` stands for that user, and no other user can be asked for.
    """
    explained = explained_to(caller, asked=asked.explain)
    # Cached with causes only under this request: `explain` is part of an answer's cache key.
    placement = await placements.find(asked.placement, "query:placement", UserId(user_id))
    placed = placement.placed(asked.asked())
    # As it was asked: what is the user's own may change while somebody scrolls.
    binding = binding_of(user_id, placed.scroll_key)
    scroll = Scroll.at(asked.cursor, binding)
    request = await placed.for_user(UserId(user_id), own_values, "query:filter")
    request = replace(request, explain=explained == "yes", shown=scroll.shown)
    given = await recommender.recommend(UserId(user_id), request)
    following = scroll.after(given.answer.result, request.limit, binding)
    answer = recommendation_answer(user_id, given, explained=explained, next_cursor=following)
    fielded = await recommender.item_fields.put(answer, given.answer.result, placed.fields)
    return list_response(fielded, if_none_match, is_for_all=False)


def binding_of(user_id: str, scroll_key: str) -> str:
    """What a cursor of a user's list counts for."""
    return f"{user_id}\n{scroll_key}"
