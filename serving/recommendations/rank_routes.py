"""POST /v1/rank: an app's own list in the order of a user's recommendations."""

from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Response
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from domain.blend import CANDIDATES
from domain.identifiers import UserId
from serving.access.own import user_of
from serving.access.requirements import FromCaller, may_read
from serving.answering.fields import FieldNames
from serving.candidates.filters import AmongItems, Filters
from serving.http.errors import problems_of_request
from serving.http.routing import TandemRoute
from serving.http.values import Identifier, distinct_items
from serving.lists.request import RecommendationRequest
from serving.recommendations.routes import FromRecommender
from serving.recommendations.schemas import (
    RecommendationAnswer,
    explained_to,
    recommendation_answer,
)
from serving.runtime.faults import BodyTooLargeError, MalformedBodyError

MOST_RANKED = CANDIDATES
"""As many as a source gives the blend."""

router = APIRouter(prefix="/v1", tags=["recommendations"], route_class=TandemRoute)


class RankBody(BaseModel):
    """Whose order, and of what."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"user_id": "ann", "item_ids": ["stalker-1979", "alien-1979"]}]
        },
    )

    user_id: Identifier = Field(description="With a token for one user, `me` or that user.")
    item_ids: Annotated[
        list[Identifier],
        Field(min_length=1, max_length=MOST_RANKED),
        AfterValidator(distinct_items),
    ]
    exclude_seen: bool = Field(
        False,
        strict=True,
        description="True: what the user has seen is left out; disliked and hidden items always"
        " are.",
    )
    explain: bool = Field(
        False, strict=True, description="As of recommendations: say what brought each item."
    )
    fields: FieldNames = None


class RankAnswer(RecommendationAnswer):
    """The items in the user's order."""

    left_out: list[str] = Field(
        description="Items that are unknown, not available, disliked, hidden, or, if that was"
        " asked, seen; in the order they were given."
    )


@router.post(
    "/rank",
    dependencies=[may_read],
    response_model=RankAnswer,
    responses=problems_of_request(MalformedBodyError, BodyTooLargeError),
)
async def rank(body: RankBody, caller: FromCaller, recommender: FromRecommender) -> Response:
    """Put the app's own items in the order in which they would be recommended to a user.

    All that are eligible come back, with the scores of the blend; items that no source knows have
    the score 0 and stand at the end. Nothing is explored or diversified. It is a recommendation
    like others: give its id back with the events it leads to.
    """
    user_id = user_of(caller, body.user_id)
    explained = explained_to(caller, asked=body.explain)
    request = RecommendationRequest(
        len(body.item_ids),
        exclude_seen=body.exclude_seen,
        explain=explained == "yes",
        filters=Filters().also(AmongItems(tuple(sorted(body.item_ids)))),
        explore=0.0,
        diversity=0.0,
        max_per_category=len(body.item_ids),
    )
    given = await recommender.recommend(UserId(user_id), request)
    answer: dict[str, Any] = recommendation_answer(user_id, given, explained=explained)
    ranked = {item.item_id for item in given.answer.result.items}
    answer["left_out"] = [item_id for item_id in body.item_ids if item_id not in ranked]
    fielded = await recommender.item_fields.put(answer, given.answer.result, body.fields)
    return Response(orjson.dumps(fielded), media_type="application/json")
