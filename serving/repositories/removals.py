"""The way of events and users out of the store."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from domain.identifiers import UserId, UserNo
from serving.postgres.store import Store
from sql.statements import statements

_SERVING = statements("serving")


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose event it was."""

    user_no: UserNo
    user_id: UserId


@dataclass(frozen=True, slots=True)
class DeletedEvent:
    """An event that is out of the log."""

    is_new: bool
    """False: it was before."""
    deleted_at: datetime | None
    """None: it went with its user, of whom nothing is known."""
    owner: Owner | None
    """None: the user was forgotten."""


@dataclass(frozen=True, slots=True)
class ForgottenUser:
    """A user of whom the store holds nothing any more."""

    user_no: UserNo | None
    """The number that is gone; None if there was no such user."""
    removed: Mapping[str, int]
    """How many rows went, by what they were."""


class Removals:
    """Deletes events and forgets users; both are committed when they return."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def delete_event(self, event_id: uuid.UUID) -> DeletedEvent | None:
        """Take an event out of the log; None if it was never received."""
        rows = await self._store.rows(_SERVING["delete_event"], {"event_id": event_id})
        if not rows:
            return None
        (row,) = rows
        owner = None if row.user_id is None else Owner(UserNo(row.user_no), UserId(row.user_id))
        return DeletedEvent(row.is_new, row.deleted_at, owner)

    async def forget_user(self, user_id: UserId) -> ForgottenUser:
        """Remove a user, known or not, from every table."""
        (row,) = await self._store.rows(_SERVING["forget_user"], {"user_id": user_id})
        return ForgottenUser(None if row.user_no is None else UserNo(row.user_no), row.removed)
