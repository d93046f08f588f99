"""What users must not be shown, as the log has it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row

from domain.identifiers import UserId, UserNo
from serving.postgres.store import Store
from serving.repositories.exclusions import Exclusions, UserExclusions
from sql.statements import statements

_SERVING = statements("serving")


@dataclass(frozen=True, slots=True)
class KnownUser:
    """A user with all that must not be shown to them."""

    user_id: UserId
    known: UserExclusions


class ExcludedItems:
    """Reads the exclusions of users."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def find_recent_users(self, users: int) -> list[UserNo]:
        """The users of the newest interactions, at most so many."""
        rows = await self._store.rows(_SERVING["find_recent_users"], {"users": users})
        return [UserNo(row.user_no) for row in rows]

    async def load_exclusions(self, user_nos: Sequence[UserNo]) -> list[KnownUser]:
        """The exclusions of those of the users who exist."""
        rows = await self._store.rows(_SERVING["load_exclusions"], {"user_nos": list(user_nos)})
        return [KnownUser(UserId(row.user_id), _known(row)) for row in rows]

    async def find_exclusions(self, user_id: UserId) -> UserExclusions:
        """All exclusions of a user, who has none if the log has never seen the user."""
        rows = await self._store.rows(_SERVING["find_exclusions"], {"user_id": user_id})
        return _known(rows[0]) if rows else UserExclusions(complete=True)


def _known(row: Row[Any]) -> UserExclusions:
    exclusions = Exclusions(frozenset(row.seen), frozenset(row.disliked))
    return UserExclusions(UserNo(row.user_no), exclusions, complete=True)
