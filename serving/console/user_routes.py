"""The pages of users: find, look at one, forget one."""

from http import HTTPStatus
from typing import Annotated

import orjson
from fastapi import APIRouter, Path, Query, Response
from fastapi.responses import RedirectResponse
from pydantic import BaseModel, ConfigDict

from domain.identifiers import UserId
from serving.access.acting import FromActor
from serving.console.page_routing import ConsoleRoute
from serving.console.pages import FromPages
from serving.console.requirements import may_act_for_users, may_look
from serving.console.user_pages import UserPageReader
from serving.console.wording import path_segment
from serving.http.routing import provided
from serving.http.values import UserIdentifier
from serving.relations.active_users import ActiveUsersReader
from serving.users.forgetting import UserForgetter

router = APIRouter(include_in_schema=False, route_class=ConsoleRoute)

FromActiveUsers = Annotated[ActiveUsersReader, provided(ActiveUsersReader)]
FromUserPageReader = Annotated[UserPageReader, provided(UserPageReader)]
FromUserForgetter = Annotated[UserForgetter, provided(UserForgetter)]
UserPath = Annotated[UserIdentifier, Path()]

_LISTED = 40
_ACTIVE_DAYS = 3_650


class UsersQuery(BaseModel):
    """Who is looked for."""

    model_config = ConfigDict(extra="forbid")

    user: UserIdentifier | None = None


@router.get("/console/users", dependencies=[may_look])
async def users_page(
    pages: FromPages, active_users: FromActiveUsers, asked: Annotated[UsersQuery, Query()]
) -> Response:
    """Who did most of late; anybody else is found by id."""
    if asked.user is not None:
        to = pages.url(f"/console/users/{path_segment(asked.user)}")
        return RedirectResponse(to, HTTPStatus.SEE_OTHER)
    active = await active_users.load(days=_ACTIVE_DAYS, limit=_LISTED)
    return pages.page("users.html", active=active)


@router.get("/console/users/{user_id:id}", dependencies=[may_look])
async def user_page(pages: FromPages, reader: FromUserPageReader, user_id: UserPath) -> Response:
    """One user with all that is known of them."""
    return pages.page("user.html", user=await reader.load(UserId(user_id)))


@router.post("/console/users/{user_id:id}/forget", dependencies=[may_act_for_users])
async def forget_user_page(
    pages: FromPages, forgetter: FromUserForgetter, actor: FromActor, user_id: UserPath
) -> Response:
    """Forget a user, and go on to the others."""
    forgotten = await forgetter.forget(UserId(user_id), actor)
    events = forgotten.rows["interactions"]
    text = f"{user_id} is forgotten, with {events:,} events and all that was made of them."
    notice = {"text": text, "kind": "good", "on": pages.url("/console/users")}
    # Headers have no letters beyond ASCII, and an id may.
    trigger = orjson.dumps({"notice": notice}).decode().encode("ascii", "backslashreplace")
    return Response(headers={"HX-Trigger": trigger.decode()})
