"""DELETE /v1/users/{user_id}."""

from typing import Annotated

from fastapi import APIRouter, Path

from domain.errors import (
    ForbiddenError,
    InvalidInputError,
    OverloadedError,
    StoreUnavailableError,
    UnauthenticatedError,
)
from domain.identifiers import UserId
from serving.dependencies import FromServices, may_write
from serving.errors import problem_responses
from serving.schemas.identifiers import Identifier
from serving.schemas.removals import ForgottenUserAnswer, forgotten_user_answer

router = APIRouter(prefix="/v1", tags=["users"])


@router.delete(
    "/users/{user_id:path}",
    dependencies=[may_write],
    responses=problem_responses(
        UnauthenticatedError,
        ForbiddenError,
        InvalidInputError,
        OverloadedError,
        StoreUnavailableError,
    ),
)
async def forget_user(
    user_id: Annotated[Identifier, Path(examples=["ann"])], services: FromServices
) -> ForgottenUserAnswer:
    """Forget a user: remove all events, lists, vectors, impressions and cached answers.

    Harmless twice, and the same for a user nobody knows: then there is nothing to remove. An event
    that is sent again with its `event_id` does not bring the user back; one with a new id is the
    first of a new user.
    """
    forgotten = await services.forgetter.forget(UserId(user_id))
    return forgotten_user_answer(user_id, forgotten)
