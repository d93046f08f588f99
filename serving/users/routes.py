"""GET, PUT and DELETE /v1/users/{user_id}, with a key of the scope `users`."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Response

from domain.errors import UnknownUserError
from domain.identifiers import UserId
from serving.access.acting import FromActor
from serving.access.requirements import may_read_users, may_write_users
from serving.http.errors import problems_of_request
from serving.http.routing import TandemRoute, provided
from serving.http.values import UserIdentifier
from serving.runtime.faults import BodyTooLargeError, MalformedBodyError
from serving.users.schemas import ForgottenUserAnswer, RemovedCounts, UserAnswer, UserBody
from serving.users.user_keeping import UserForgetter, UserKeeping

router = APIRouter(prefix="/v1", tags=["users"], route_class=TandemRoute)

FromUserKeeping = Annotated[UserKeeping, provided(UserKeeping)]
FromUserForgetter = Annotated[UserForgetter, provided(UserForgetter)]

UserPath = Annotated[UserIdentifier, Path(examples=["ann"])]


@router.get(
    "/users/{user_id:user}",
    dependencies=[may_read_users],
    responses=problems_of_request(UnknownUserError),
)
async def find_user(user_id: UserPath, user_keeping: FromUserKeeping) -> UserAnswer:
    """A user's profile, and which of the declared words count in the served run."""
    return UserAnswer.model_validate(await user_keeping.load(UserId(user_id)))


@router.put(
    "/users/{user_id:user}",
    dependencies=[may_write_users],
    responses={
        int(HTTPStatus.CREATED): {"model": UserAnswer, "description": "The user is new."},
        **problems_of_request(MalformedBodyError, BodyTooLargeError),
    },
)
async def put_user(
    user_id: UserPath, body: UserBody, response: Response, user_keeping: FromUserKeeping
) -> UserAnswer:
    """Create a user, or replace all that is said of one; harmless twice.

    Interests count like interactions before the first one: within a second a user who has never
    done anything gets a list made for them, and what they do then counts more and more.
    """
    profile, update = await user_keeping.put(UserId(user_id), body)
    response.status_code = HTTPStatus.CREATED if update.created else HTTPStatus.OK
    return UserAnswer.model_validate(profile)


@router.delete(
    "/users/{user_id:user}",
    dependencies=[may_write_users],
    responses=problems_of_request(),
)
async def forget_user(
    user_id: UserPath, forgetter: FromUserForgetter, actor: FromActor
) -> ForgottenUserAnswer:
    """Forget a user: remove all events, interests, lists, vectors, impressions, cached answers.

    Harmless twice, and the same for a user nobody knows: then there is nothing to remove. An event
    that is sent again with its `event_id` does not bring the user back; one with a new id is the
    first of a new user.
    """
    forgotten = await forgetter.forget(UserId(user_id), actor)
    removed = RemovedCounts(cached_answers=forgotten.cached_answers, **forgotten.rows)
    return ForgottenUserAnswer(user_id=user_id, removed=removed)
