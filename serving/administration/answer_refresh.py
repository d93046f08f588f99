"""Cached answers are made anew when somebody says so."""

from dataclasses import dataclass

import orjson

from domain.errors import UnknownUserError
from domain.identifiers import UserId
from serving.access.acting import Actor
from serving.candidates.users import UserNumbers
from serving.postgres.store import WriteStore
from serving.redis.answers import Answers
from sql.statements import statements

_ACCESS = statements("access")


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What was dropped."""

    dropped: int | None
    """How many answers; None: of everybody, or Redis is away."""
    redis_away: bool
    """Then nothing is answered from the cache, and all of it goes once Redis is back."""


class AnswerRefresh:
    """Drops cached answers, in all processes that share Redis."""

    def __init__(self, store: WriteStore, users: UserNumbers, answers: Answers) -> None:
        self._store = store
        self._users = users
        self._answers = answers

    async def refresh(self, user_id: UserId | None, actor: Actor) -> Refreshed:
        """Drop a user's answers, or (None) those of everybody; UnknownUserError.

        It is put on record first: StoreUnavailableError if that cannot be done, and nothing is
        dropped.
        """
        user_no = None if user_id is None else await self._users.find(user_id)
        if user_id is not None and user_no is None:
            raise UnknownUserError(f"There is no user {user_id!r}.")
        entry = {
            **actor.doing("refresh answers"),
            "subject": "all users" if user_id is None else f"user {user_id}",
            "details": orjson.dumps({}).decode(),
        }
        await self._store.write(_ACCESS["add_audit_entry"], entry)
        if user_no is None:
            await self._answers.drop_all()
            return Refreshed(None, self._answers.away)
        dropped = await self._answers.drop([user_no])
        return Refreshed(dropped, dropped is None)
