"""POST /v1/recommendations: lists for whom and from what a body says."""

from dataclasses import replace
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Response

from domain.errors import TandemError
from domain.identifiers import UserId
from serving.access.callers import Caller
from serving.access.own import check_names_no_others, user_of
from serving.access.requirements import FromCaller, may_read
from serving.answering.own_values import FromOwnValues, OwnValues
from serving.http.errors import inner_problem, problems_of_request
from serving.http.routing import TandemRoute, provided
from serving.lists.request import RecommendationRequest
from serving.recommendations.many_users import ManyUsers
from serving.recommendations.recommend import Recommendation, Recommender
from serving.recommendations.recommendation_body import RecommendationBody
from serving.recommendations.routes import FromRecommender
from serving.recommendations.schemas import (
    AskedAnswer,
    Explained,
    ManyAnswer,
    explained_to,
    recommendation_answer,
)
from serving.runtime.faults import BodyTooLargeError, MalformedBodyError

router = APIRouter(prefix="/v1", tags=["recommendations"], route_class=TandemRoute)

FromManyUsers = Annotated[ManyUsers, provided(ManyUsers)]


@router.post(
    "/recommendations",
    dependencies=[may_read],
    response_model=AskedAnswer | ManyAnswer,
    responses=problems_of_request(MalformedBodyError, BodyTooLargeError),
)
async def recommend_to(
    body: RecommendationBody,
    caller: FromCaller,
    recommender: FromRecommender,
    many_users: FromManyUsers,
    own_values: FromOwnValues,
) -> Response:
    """Recommend items to a user, a group, many users, or from a basket alone.

    The list is the one that GET answers with: the same sources, blend, filters and causes. `items`
    count as events would that the user has just sent; nothing is stored. Lists of baskets and
    groups, and those of many users, are made anew and not cached.

    With `users` the answer has `lists`: one for each user, or the problem with it. With a token for
    one user only that user can be asked for, and items alone.
    """
    request = body.to_request()
    if body.users is not None:
        content = await _to_each(body.users, request, caller, many_users, own_values)
    elif body.user_ids is not None:
        check_names_no_others(caller)
        content = await _to_one(None, request, caller, recommender, own_values)
        content["user_ids"] = body.user_ids
    else:
        user_id = None if body.user_id is None else user_of(caller, body.user_id)
        content = await _to_one(user_id, request, caller, recommender, own_values)
    return Response(orjson.dumps(content), media_type="application/json")


async def _to_one(
    user_id: str | None,
    request: RecommendationRequest,
    caller: Caller,
    recommender: Recommender,
    own_values: OwnValues,
) -> dict[str, Any]:
    explained = _explained(caller, request, is_of_somebody=bool(user_id or request.group))
    user = None if user_id is None else UserId(user_id)
    resolved = await _resolved(request, user, own_values, explained)
    given = await recommender.recommend(user, resolved)
    return recommendation_answer(user_id, given, explained=explained)


async def _to_each(
    user_ids: list[str],
    request: RecommendationRequest,
    caller: Caller,
    many_users: ManyUsers,
    own_values: OwnValues,
) -> dict[str, Any]:
    check_names_no_others(caller)
    explained = _explained(caller, request, is_of_somebody=True)
    users = [UserId(user_id) for user_id in user_ids]
    found = await many_users.recommend(
        users, lambda user_id: _resolved(request, user_id, own_values, explained)
    )
    return {
        "lists": [
            _user_answer(user_id, each, explained)
            for user_id, each in zip(users, found, strict=True)
        ]
    }


def _user_answer(
    user_id: UserId, found: Recommendation | TandemError, explained: Explained
) -> dict[str, Any]:
    if isinstance(found, TandemError):
        return {"user_id": user_id, "answer": None, "problem": inner_problem(found)}
    answer = recommendation_answer(user_id, found, explained=explained)
    return {"user_id": user_id, "answer": answer, "problem": None}


def _explained(
    caller: Caller, request: RecommendationRequest, *, is_of_somebody: bool
) -> Explained:
    """Causes of a list for nobody are what the request itself says."""
    if request.explain and not is_of_somebody:
        return "yes"
    return explained_to(caller, asked=request.explain)


async def _resolved(
    request: RecommendationRequest,
    user_id: UserId | None,
    own_values: OwnValues,
    explained: Explained,
) -> RecommendationRequest:
    filters = await own_values.resolved(request.filters, user_id, "/filter")
    return replace(request, explain=explained == "yes", filters=filters)
