"""/v1/users/{user_id}/preferences."""

from typing import Annotated

from fastapi import APIRouter, Path

from domain.identifiers import UserId
from serving.access.requirements import may_read_history, may_write_events
from serving.http.errors import problems_of_request
from serving.http.routing import TandemRoute, provided
from serving.http.values import Identifier, UserIdentifier
from serving.preferences.preference_keeping import PreferenceKeeping
from serving.preferences.schemas import (
    DeletedPreferencesAnswer,
    PreferenceAnswer,
    PreferenceBody,
    PreferencesAnswer,
)
from serving.runtime.faults import (
    BodyTooLargeError,
    MalformedBodyError,
    MergedUserError,
    TooManyPreferencesError,
)

router = APIRouter(prefix="/v1", tags=["users"], route_class=TandemRoute)

FromPreferenceKeeping = Annotated[PreferenceKeeping, provided(PreferenceKeeping)]
UserPath = Annotated[UserIdentifier, Path(examples=["ann"])]


@router.get(
    "/users/{user_id:id}/preferences",
    dependencies=[may_read_history],
    responses=problems_of_request(),
)
async def list_preferences(
    user_id: UserPath, preferences: FromPreferenceKeeping
) -> PreferencesAnswer:
    """What a user wants more or less of, the newest first; nothing for somebody unknown.

    With a token for one user, `me` stands for that user.
    """
    found = await preferences.load(UserId(user_id))
    return PreferencesAnswer(
        user_id=user_id, preferences=[PreferenceAnswer.model_validate(each) for each in found]
    )


@router.put(
    "/users/{user_id:id}/preferences",
    dependencies=[may_write_events],
    responses=problems_of_request(
        MalformedBodyError, BodyTooLargeError, MergedUserError, TooManyPreferencesError
    ),
)
async def put_preference(
    user_id: UserPath, body: PreferenceBody, preferences: FromPreferenceKeeping
) -> PreferenceAnswer:
    """Give a user more or less of an item and its like, of a category, or of an attribute's value.

    The next list follows. Nothing is recorded as an event, and nothing is left out of lists: what
    is wanted less comes later. The other direction replaces the one before; harmless twice. A user
    has 100 preferences at the most (409).

    With a token for one user, `me` stands for that user.
    """
    return await preferences.put(UserId(user_id), body)


@router.delete(
    "/users/{user_id:id}/preferences/{preference_id}",
    dependencies=[may_write_events],
    responses=problems_of_request(),
)
async def delete_preference(
    user_id: UserPath,
    preference_id: Annotated[Identifier, Path(examples=["9f2b1c4d5e6f7a80"])],
    preferences: FromPreferenceKeeping,
) -> DeletedPreferencesAnswer:
    """Take a preference back: the next list is as if it had never been. Harmless twice.

    With a token for one user, `me` stands for that user.
    """
    deleted = await preferences.take_back(UserId(user_id), preference_id)
    return DeletedPreferencesAnswer(user_id=user_id, deleted=deleted)


@router.delete(
    "/users/{user_id:id}/preferences",
    dependencies=[may_write_events],
    responses=problems_of_request(),
)
async def delete_preferences(
    user_id: UserPath, preferences: FromPreferenceKeeping
) -> DeletedPreferencesAnswer:
    """Take all preferences of a user back. Harmless twice.

    With a token for one user, `me` stands for that user.
    """
    deleted = await preferences.take_back(UserId(user_id), None)
    return DeletedPreferencesAnswer(user_id=user_id, deleted=deleted)
