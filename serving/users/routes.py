"""GET, PUT and DELETE /v1/users/{user_id}, with a key of the scope `users`."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from domain.errors import UnknownUserError
from domain.identifiers import UserId
from serving.access.acting import FromActor
from serving.access.requirements import may_read_users, may_write_users
from serving.http.cursors import PageQuery, decoded_number, encoded_cursor
from serving.http.entries import Partial
from serving.http.errors import problems_of_request
from serving.http.routing import TandemRoute, provided
from serving.http.values import UserIdentifier
from serving.runtime.faults import (
    AccountLinkedError,
    BodyTooLargeError,
    MalformedBodyError,
    MergedUserError,
)
from serving.users.forgetting import UserForgetter
from serving.users.merging import UserMerger
from serving.users.schemas import (
    ForgottenUserAnswer,
    MergeBody,
    MergedAnswer,
    RemovedCounts,
    UserAnswer,
    UserBatch,
    UserBatchAnswer,
    UserBody,
    UserPatch,
    UsersAnswer,
)
from serving.users.user_keeping import UserKeeping

router = APIRouter(prefix="/v1", tags=["users"], route_class=TandemRoute)

FromUserKeeping = Annotated[UserKeeping, provided(UserKeeping)]
FromUserMerger = Annotated[UserMerger, provided(UserMerger)]
FromUserForgetter = Annotated[UserForgetter, provided(UserForgetter)]

UserPath = Annotated[UserIdentifier, Path(examples=["ann"])]


@router.get("/users", dependencies=[may_read_users], responses=problems_of_request())
async def list_users(
    query: Annotated[PageQuery, Query()], user_keeping: FromUserKeeping
) -> UsersAnswer:
    """All users, page by page, in the order in which they came."""
    users, last = await user_keeping.list(after=decoded_number(query.cursor), most=query.limit)
    return UsersAnswer(
        users=[UserAnswer.model_validate(user) for user in users],
        next=None if last is None else encoded_cursor(str(last)),
    )


@router.post(
    "/users",
    dependencies=[may_write_users],
    responses=problems_of_request(MalformedBodyError, BodyTooLargeError),
)
async def put_users(
    batch: UserBatch, user_keeping: FromUserKeeping, *, partial: Annotated[Partial, Query()] = False
) -> UserBatchAnswer:
    """Create users, or replace all that is said of them: all of the batch, or none.

    With `partial=true` the good ones are stored, and the others refused with their reasons.
    """
    return await user_keeping.put_batch(batch.entries(), partial=partial)


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


@router.patch(
    "/users/{user_id:user}",
    dependencies=[may_write_users],
    responses=problems_of_request(UnknownUserError, MalformedBodyError, BodyTooLargeError),
)
async def patch_user(
    user_id: UserPath, patch: UserPatch, user_keeping: FromUserKeeping
) -> UserAnswer:
    """Change a part of what is said of a user (JSON merge patch, RFC 7396).

    What is left out stays. Of two changes at once neither is lost.
    """
    return UserAnswer.model_validate(await user_keeping.patch(UserId(user_id), patch))


@router.post(
    "/users/{user_id:id}/merge",
    dependencies=[may_write_users],
    responses=problems_of_request(
        MalformedBodyError, BodyTooLargeError, MergedUserError, AccountLinkedError
    ),
)
async def merge_user(
    user_id: UserPath, body: MergeBody, merger: FromUserMerger, actor: FromActor
) -> MergedAnswer:
    """Make another user part of this one, as a visitor who signs in: history, interests, the rest.

    Harmless twice. Events that are sent for the other id from now on are this user's. One of the
    two may be unknown. After the answer no list shows what either has seen or disliked.
    """
    merged = await merger.merge(UserId(body.from_id), UserId(user_id), actor)
    return MergedAnswer(
        user_id=user_id, **{"from": body.from_id}, merged=merged.is_new, events=merged.events
    )


@router.delete(
    "/users/{user_id:user}",
    dependencies=[may_write_users],
    responses=problems_of_request(),
)
async def forget_user(
    user_id: UserPath, forgetter: FromUserForgetter, actor: FromActor
) -> ForgottenUserAnswer:
    """Forget a user: remove all events, interests, preferences, lists, vectors, and the rest.

    Harmless twice, and the same for a user nobody knows: then there is nothing to remove. An event
    that is sent again with its `event_id` does not bring the user back; one with a new id is the
    first of a new user.
    """
    forgotten = await forgetter.forget(UserId(user_id), actor)
    removed = RemovedCounts(cached_answers=forgotten.cached_answers, **forgotten.rows)
    return ForgottenUserAnswer(user_id=user_id, removed=removed)
