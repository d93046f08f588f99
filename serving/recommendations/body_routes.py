"""POST /v1/recommendations: lists for whom and from what a body says."""

from dataclasses import dataclass, replace
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
from serving.placements.current_placements import CurrentPlacements, FromCurrentPlacements
from serving.recommendations.many_users import ManyUsers
from serving.recommendations.recommend import Recommender
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
    *,
    body: RecommendationBody,
    caller: FromCaller,
    recommender: FromRecommender,
    many_users: FromManyUsers,
    own_values: FromOwnValues,
    placements: FromCurrentPlacements,
) -> Response:
    """Recommend items to a user, a group, many users, or from a basket alone.

    The list is the one that GET answers with: the same sources, blend, filters and causes. `items`
    count as events would that the user has just sent; nothing is stored. Lists of baskets and
    groups, and those of many users, are made anew and not cached.

    With `users` the answer has `lists`: one for each user, or the problem with it. With a token for
    one user only that user can be asked for, and items alone.
    """
    # Whoever the list is for, the placement must be there.
    await placements.find(body.placement, "/placement")
    asking = _Asking(body, placements, caller, recommender, own_values)
    if body.users is not None:
        check_names_no_others(caller)
        users = [UserId(user_id) for user_id in body.users]
        found = await many_users.each(users, asking.answer)
        content: dict[str, Any] = {"lists": list(map(_user_answer, users, found))}
    elif body.user_ids is not None:
        check_names_no_others(caller)
        content = {**await asking.answer(None), "user_ids": body.user_ids}
    else:
        user_id = None if body.user_id is None else UserId(user_of(caller, body.user_id))
        content = await asking.answer(user_id)
    return Response(orjson.dumps(content), media_type="application/json")


@dataclass(frozen=True, slots=True)
class _Asking:
    """One body, and what is needed to answer it."""

    body: RecommendationBody
    placements: CurrentPlacements
    caller: Caller
    recommender: Recommender
    own_values: OwnValues

    async def answer(self, user_id: UserId | None) -> dict[str, Any]:
        """The answer for one user; None: for the group, or for nobody that is known."""
        body = self.body
        explained = self._explained(user_id)
        placement = await self.placements.find(body.placement, "/placement", user_id)
        placed = placement.placed(body.asked())
        request = await placed.for_user(user_id, self.own_values, "/filter")
        request = replace(request, explain=explained == "yes")
        # Of many users nobody is likely to ask for the same list again.
        given = await self.recommender.recommend(user_id, request, cached=body.users is None)
        answer = recommendation_answer(user_id, given, explained=explained)
        return await self.recommender.item_fields.put(answer, given.answer.result, placed.fields)

    def _explained(self, user_id: UserId | None) -> Explained:
        """Causes of a list for nobody are what the request itself says."""
        is_of_somebody = user_id is not None or self.body.user_ids is not None
        if self.body.explain and not is_of_somebody:
            return "yes"
        return explained_to(self.caller, asked=self.body.explain)


def _user_answer(user_id: UserId, found: dict[str, Any] | TandemError) -> dict[str, Any]:
    if isinstance(found, TandemError):
        return {"user_id": user_id, "answer": None, "problem": inner_problem(found)}
    return {"user_id": user_id, "answer": found, "problem": None}
