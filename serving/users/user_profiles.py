"""Users' profiles, and which of their words a run knows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from domain.identifiers import ItemNo, UserId, UserNo
from serving.access.acting import Actor
from serving.postgres.store import WriteStore
from sql.statements import statements

_INTERESTS = statements("interests")
_SERVING = statements("serving")


@dataclass(frozen=True, slots=True)
class DeclaredWord:
    """A word or phrase a user likes."""

    word: str
    known: bool
    """Whether the run being served knows a term of it."""


@dataclass(frozen=True, slots=True)
class DeclaredInterests:
    """What a user likes, in the order it was declared."""

    words: tuple[DeclaredWord, ...]
    items: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class UserProfile:
    """A user's attributes and declared interests."""

    user_id: str
    attributes: dict[str, Any]
    interests: DeclaredInterests
    declared_at: datetime | None
    """When other interests were declared last; None: never."""
    created_at: datetime


@dataclass(frozen=True, slots=True)
class ProfileUpdate:
    """What became of a profile that was stored."""

    user_no: UserNo
    created: bool
    """False: it replaced the profile before, or was the same."""
    changed: bool
    """Whether other interests are declared than before."""
    known: tuple[bool, ...]
    """Of each word, whether the run being served knows a term of it."""
    declared_at: datetime | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class ForgottenUser:
    """A user of whom the store holds nothing any more."""

    user_no: UserNo | None
    """The number that is gone; None if there was no such user."""
    removed: Mapping[str, int]
    """How many rows went, by what they were."""


class UserProfiles:
    """Reads and writes users' profiles, and forgets users."""

    def __init__(self, store: WriteStore) -> None:
        self._store = store

    async def find_user(self, user_id: UserId) -> UserProfile | None:
        """A user; None if nobody has that name."""
        rows = await self._store.rows(_INTERESTS["find_user"], {"user_id": user_id})
        if not rows:
            return None
        (row,) = rows
        words = zip(row.words, row.known, strict=True)
        return UserProfile(
            user_id=row.user_id,
            attributes=row.attributes,
            interests=DeclaredInterests(
                tuple(DeclaredWord(word, known) for word, known in words), tuple(row.item_ids)
            ),
            declared_at=row.declared_at,
            created_at=row.created_at,
        )

    async def find_attributes(self, user_id: UserId) -> Mapping[str, Any]:
        """A user's attributes; of somebody unknown there are none."""
        rows = await self._store.rows(_INTERESTS["find_attributes"], {"user_id": user_id})
        return rows[0].attributes if rows else {}

    async def put_user(
        self,
        user_id: UserId,
        attributes: Mapping[str, Any],
        words: Sequence[str],
        item_nos: Sequence[ItemNo],
    ) -> ProfileUpdate:
        """Create a user or replace the profile of one; it is committed when this returns."""
        parameters = {
            "user_id": user_id,
            "attributes": orjson.dumps(attributes).decode(),
            "words": list(words),
            "item_nos": list(item_nos),
        }
        (row,) = await self._store.write(_INTERESTS["put_user"], parameters)
        return ProfileUpdate(
            UserNo(row.user_no),
            row.created,
            row.changed,
            tuple(row.known),
            row.declared_at,
            row.created_at,
        )

    async def forget_user(self, user_id: UserId, actor: Actor) -> ForgottenUser:
        """Remove a user, known or not, from every table; it is committed when this returns."""
        parameters = {"user_id": user_id, **actor.doing("forget user")}
        (row,) = await self._store.write(_SERVING["forget_user"], parameters)
        return ForgottenUser(None if row.user_no is None else UserNo(row.user_no), row.removed)
