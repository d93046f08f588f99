"""Users by their taste or by what they do: all with a key of the scope `users`."""

from typing import Annotated

import orjson
from annotated_types import Ge, Le
from fastapi import APIRouter, Path, Query, Response

from domain.errors import UnknownItemError, UnknownUserError
from domain.identifiers import ItemId, UserId
from serving.access.requirements import may_read_users
from serving.http.errors import problems_of_request
from serving.http.routing import TandemRoute, provided
from serving.http.values import AS_INTEGER, Identifier, QueryBoolean, UserIdentifier
from serving.relations.active_users import ActiveUsersReader
from serving.relations.related_users import UserRelations
from serving.relations.schemas import (
    ActiveUsersAnswer,
    Days,
    RelatedUsersAnswer,
    related_users_answer,
)

MOST_USERS = 1_000

router = APIRouter(prefix="/v1", tags=["relations"], route_class=TandemRoute)

FromUserRelations = Annotated[UserRelations, provided(UserRelations)]
FromActiveUsers = Annotated[ActiveUsersReader, provided(ActiveUsersReader)]

Users = Annotated[int, Ge(1), Le(MOST_USERS), AS_INTEGER, Query(description="How many users.")]


@router.get(
    "/users/{user_id:id}/similar",
    dependencies=[may_read_users],
    response_model=RelatedUsersAnswer,
    responses=problems_of_request(UnknownUserError),
)
async def similar_users(
    user_id: Annotated[UserIdentifier, Path(examples=["ann"])],
    relations: FromUserRelations,
    limit: Users = 20,
) -> Response:
    """Users whose taste is nearest to this one's, by their live vectors as of now."""
    found = await relations.similar(UserId(user_id), limit=limit)
    return Response(orjson.dumps(related_users_answer(found)), media_type="application/json")


@router.get(
    "/items/{item_id:id}/users",
    dependencies=[may_read_users],
    response_model=RelatedUsersAnswer,
    responses=problems_of_request(UnknownItemError),
)
async def users_of_item(
    item_id: Annotated[Identifier, Path(examples=["stalker-1979"])],
    relations: FromUserRelations,
    *,
    limit: Users = 20,
    exclude_seen: Annotated[
        QueryBoolean,
        Query(description="False: users who have seen, disliked or hidden it are among them."),
    ] = True,
) -> Response:
    """Users who would like this item, and have not seen it: their taste is nearest to it.

    A new item has a vector of its words within a second. Up to 2,000 who have seen the item are
    passed over; beyond that the list may be shorter than was asked for.
    """
    found = await relations.of_item(ItemId(item_id), limit=limit, exclude_seen=exclude_seen)
    return Response(orjson.dumps(related_users_answer(found)), media_type="application/json")


@router.get("/active-users", dependencies=[may_read_users], responses=problems_of_request())
async def active_users(
    readers: FromActiveUsers,
    days: Annotated[Days, Query(description="Of how many days, up to now.")] = 7.0,
    limit: Users = 20,
) -> ActiveUsersAnswer:
    """The users who did most in the last days, by how many of their events there are."""
    return ActiveUsersAnswer.model_validate(await readers.load(days=days, limit=limit))
