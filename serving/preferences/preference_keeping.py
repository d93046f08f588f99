"""Storing, listing and taking back preferences, and answers that follow them at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import Row
from sqlalchemy.exc import DBAPIError

from domain.identifiers import UserId, UserNo
from serving.candidates.catalogue_items import find_item_nos
from serving.postgres.sql_errors import MERGED, sqlstate_of
from serving.postgres.store import WriteStore
from serving.preferences.schemas import MOST_PREFERENCES, PreferenceAnswer, PreferenceBody
from serving.redis.answers import Answers
from serving.runtime.faults import (
    Fault,
    MergedUserError,
    TooManyPreferencesError,
    invalid_request,
    merged_away,
    unknown_items,
)
from sql.statements import statements

_PREFERENCES = statements("preferences")
_TOO_MANY = "TD412"


@dataclass(eq=False, slots=True)
class PreferenceKeeping:
    """Reads and writes the preferences of users.

    When a call that changes any returns, it is committed and the user's cached answers are gone.
    """

    store: WriteStore
    answers: Answers

    async def put(self, user_id: UserId, body: PreferenceBody) -> PreferenceAnswer:
        """Store a preference, of a user known or not; the same again changes nothing.

        FaultyInputError if no item is meant, MergedUserError if the user was merged into another,
        TooManyPreferencesError if there are as many already as a user may have.
        """
        stored = await self._stored(user_id, body)
        # Also if nothing has changed: whoever stored the same before may have died before this.
        await self.answers.drop([UserNo(stored.user_no)])
        return PreferenceAnswer(
            preference_id=body.preference_id(),
            created_at=stored.created_at,
            **body.model_dump(),
        )

    async def load(self, user_id: UserId) -> Sequence[Row[Any]]:
        """Those of a user, the newest first; somebody unknown has none."""
        return await self.store.rows(_PREFERENCES["list_preferences"], {"user_id": user_id})

    async def take_back(self, user_id: UserId, preference_id: str | None) -> int:
        """Take one back, or (None) all of a user; how many it were. Harmless twice."""
        parameters = {"user_id": user_id, "preference_id": preference_id}
        rows = await self.store.write(_PREFERENCES["delete_preferences"], parameters)
        if not rows:
            return 0
        await self.answers.drop([UserNo(rows[0].user_no)])
        return int(rows[0].deleted)

    async def _stored(self, user_id: UserId, body: PreferenceBody) -> Row[Any]:
        thing = {"preference_id": body.preference_id(), **await self._found(body)}
        parameters = {
            "user_id": user_id,
            "preference": orjson.dumps({**thing, "direction": body.direction}).decode(),
            "most": MOST_PREFERENCES,
        }
        try:
            (row,) = await self.store.write(_PREFERENCES["put_preference"], parameters)
        except DBAPIError as error:
            if sqlstate_of(error) == MERGED:
                raise MergedUserError(merged_away(user_id)) from error
            if sqlstate_of(error) == _TOO_MANY:
                raise TooManyPreferencesError from error
            raise
        return row

    async def _found(self, body: PreferenceBody) -> dict[str, Any]:
        """What is preferred, as it is stored."""
        if body.item_id is not None:
            found = await find_item_nos(self.store, [body.item_id])
            if faults := unknown_items({"/item_id": body.item_id}, found):
                raise invalid_request(faults)
            return {"item_no": found[body.item_id]}
        value = None if body.value is None else orjson.dumps(body.value).decode()
        asked = {"category": body.category, "attribute": body.attribute, "value": value}
        rows = await self.store.rows(_PREFERENCES["is_in_catalogue"], asked)
        if not rows[0][0]:
            raise invalid_request([_missing(body)])
        if body.category is not None:
            return {"category": body.category}
        return {"attribute": body.attribute, "value": body.value}


def _missing(body: PreferenceBody) -> Fault:
    if body.category is not None:
        detail = f"No item is of the category {body.category!r}; GET /v1/categories has them all."
        return Fault("/category", detail)
    detail = f"No item has {body.value!r} as {body.attribute}. Names and values are taken exactly."
    return Fault("/value", detail)
