"""Items that go together or surprise, and how near given pairs are."""

from typing import Annotated

import orjson
from fastapi import APIRouter, Path, Query, Response

from domain.errors import ForbiddenError, UnknownItemError, UnknownUserError
from domain.identifiers import ItemId, UserId
from serving.access.callers import Caller, TokenUser, may_see_users
from serving.access.own import user_of
from serving.access.requirements import FromCaller, may_read
from serving.answering.fields import FromItemFields
from serving.answering.list_response import NOT_MODIFIED, IfNoneMatch, list_response
from serving.answering.own_values import FromOwnValues
from serving.events.kinds import Kinds
from serving.http.errors import problems_of_request
from serving.http.routing import TandemRoute, provided
from serving.http.values import Identifier, UserIdentifier
from serving.relations.pair_similarity import PairSimilarity
from serving.relations.schemas import (
    SimilarityAnswer,
    SimilarityBody,
    SurprisingAnswer,
    SurprisingQuery,
    TogetherAnswer,
    TogetherQuery,
    pairs_of,
    similarity_answer,
    surprising_answer,
    together_answer,
)
from serving.relations.surprising import Surprising, SurprisingRequest
from serving.relations.together import Together, TogetherRequest
from serving.runtime.faults import BodyTooLargeError, MalformedBodyError

router = APIRouter(prefix="/v1", tags=["relations"], route_class=TandemRoute)

FromTogether = Annotated[Together, provided(Together)]
FromSurprising = Annotated[Surprising, provided(Surprising)]
FromPairSimilarity = Annotated[PairSimilarity, provided(PairSimilarity)]
FromKinds = Annotated[Kinds, provided(Kinds)]

_NEEDS_USERS = "This tells of users: it needs an API key with the scope users too."
_NO_OTHERS = "This token is for one user, and cannot compare users."


@router.get(
    "/items/{item_id:id}/together",
    dependencies=[may_read],
    response_model=TogetherAnswer,
    responses=NOT_MODIFIED | problems_of_request(UnknownItemError),
)
async def used_together(
    *,
    item_id: Annotated[Identifier, Path(examples=["stalker-1979"])],
    together: FromTogether,
    kinds: FromKinds,
    own_values: FromOwnValues,
    item_fields: FromItemFields,
    asked: Annotated[TogetherQuery, Query()],
    if_none_match: IfNoneMatch = None,
) -> Response:
    """Items that go with this one: bought or used by the same users, in a session or ever.

    Counted from the log, of the newest uses of the item: what is new counts within a minute. What a
    single user did is never shown. There may be fewer items than were asked for.
    """
    filters = await own_values.resolved(asked.filters(), asked.user())
    named = asked.kind or []
    known = await kinds.named({f"query:kind.{no}": name for no, name in enumerate(named)})
    request = TogetherRequest(
        item_id=ItemId(item_id),
        limit=asked.limit,
        mode=asked.mode,
        within_minutes=asked.within_minutes,
        kind_nos=tuple(sorted({known[name].kind_no for name in named})),
        filters=filters,
        exclude_seen=asked.exclude_seen,
    )
    found = await together.together(asked.user(), request)
    answer = await item_fields.put(together_answer(found), found.result, asked.fields)
    return list_response(answer, if_none_match, is_for_all=asked.user_id is None)


@router.get(
    "/users/{user_id:id}/surprising",
    dependencies=[may_read],
    response_model=SurprisingAnswer,
    responses=NOT_MODIFIED | problems_of_request(UnknownUserError),
)
async def surprising_items(
    *,
    user_id: Annotated[UserIdentifier, Path(examples=["ann"])],
    caller: FromCaller,
    surprising: FromSurprising,
    own_values: FromOwnValues,
    item_fields: FromItemFields,
    asked: Annotated[SurprisingQuery, Query()],
    if_none_match: IfNoneMatch = None,
) -> Response:
    """Items near the user's taste that hardly anybody knows.

    With `known=true` instead items the user liked that are least like what the user likes
    otherwise. With a token for one user, `me` stands for that user.
    """
    if asked.known and not may_see_users(caller):
        raise ForbiddenError(_NEEDS_USERS)
    filters = await own_values.resolved(asked.filters(), UserId(user_id))
    request = SurprisingRequest(asked.limit, filters, asked.exclude_seen, asked.known)
    recommendation_id, found = await surprising.surprising(UserId(user_id), request)
    answer = surprising_answer(recommendation_id, user_id, found)
    answer = await item_fields.put(answer, found.result, asked.fields)
    return list_response(answer, if_none_match, is_for_all=False)


@router.post(
    "/similarity",
    dependencies=[may_read],
    response_model=SimilarityAnswer,
    responses=problems_of_request(MalformedBodyError, BodyTooLargeError),
)
async def similarity(
    body: SimilarityBody, caller: FromCaller, pair_similarity: FromPairSimilarity
) -> Response:
    """How near the two of each pair are: items, a user and an item, or users.

    All scores come from one model run. What is unknown has no score and says so.
    """
    _check_users(body, caller)
    user_items = [(user_of(caller, user), item) for user, item in body.user_item_pairs]
    scores = await pair_similarity.scores(pairs_of(body, user_items))
    return Response(orjson.dumps(similarity_answer(scores)), media_type="application/json")


def _check_users(body: SimilarityBody, caller: Caller) -> None:
    """ForbiddenError if the caller may not know of the users of these pairs."""
    if (body.user_item_pairs or body.user_pairs) and not may_see_users(caller):
        raise ForbiddenError(_NEEDS_USERS)
    if body.user_pairs and isinstance(caller, TokenUser):
        raise ForbiddenError(_NO_OTHERS)
