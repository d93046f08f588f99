"""Users' profiles, and which of their words a run knows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Row
from sqlalchemy.exc import DBAPIError

from domain.errors import TandemError
from domain.identifiers import ItemNo, UserId, UserNo
from serving.access.acting import Actor
from serving.postgres.sql_errors import MERGED, detail_of, sqlstate_of
from serving.postgres.store import WriteStore
from serving.runtime.faults import AccountLinkedError
from sql.statements import statements

_INTERESTS = statements("interests")
_SERVING = statements("serving")


_BOTH_HAVE_ACCOUNTS = "TD411"


class MergedIdsError(TandemError):
    """Ids of users who were merged into others."""

    def __init__(self, user_ids: Sequence[str]) -> None:
        super().__init__()
        self.user_ids = frozenset(user_ids)


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
    known: tuple[bool, ...]
    """Of each word, whether the run being served knows a term of it."""
    declared_at: datetime | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class StoredProfile:
    """A profile about to be stored: checked, its items found."""

    user_id: UserId
    attributes: Mapping[str, Any]
    words: Sequence[str]
    item_nos: Sequence[ItemNo]


@dataclass(frozen=True, slots=True)
class StoredUser:
    """What became of one of many profiles that were stored."""

    user_no: UserNo
    created: bool
    """False: it replaced the profile before, or was the same."""
    changed: bool
    """Whether other interests are declared than before."""


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
        found = await self.find_version(user_id)
        return found[0] if found else None

    async def find_version(self, user_id: UserId) -> tuple[UserProfile, str] | None:
        """The same, with what tells the profile from what it is after any change."""
        rows = await self._store.rows(_INTERESTS["find_user"], {"user_id": user_id})
        return (_profile(rows[0]), rows[0].version) if rows else None

    async def list_users(self, *, after: int, most: int) -> tuple[list[UserProfile], int | None]:
        """Users after a number, and after which it goes on; None: these were the last."""
        rows = await self._store.rows(_INTERESTS["list_users"], {"after": after, "most": most + 1})
        page = rows[:most]
        return list(map(_profile, page)), page[-1].user_no if len(rows) > most else None

    async def find_attributes(self, user_id: UserId) -> Mapping[str, Any]:
        """A user's attributes; of somebody unknown there are none."""
        rows = await self._store.rows(_INTERESTS["find_attributes"], {"user_id": user_id})
        return rows[0].attributes if rows else {}

    async def put_user(self, profile: StoredProfile) -> ProfileUpdate:
        """Create a user or replace the profile of one; it is committed when this returns."""
        parameters = {"user": orjson.dumps(profile).decode(), "words": list(profile.words)}
        (row,) = await self._written("put_user", parameters)
        return _update(row)

    async def change_user(self, profile: StoredProfile, version: str) -> ProfileUpdate | None:
        """Replace a profile that is still of this version; None if it is not."""
        parameters = {
            "user": orjson.dumps(profile).decode(),
            "words": list(profile.words),
            "version": version,
        }
        rows = await self._store.write(_INTERESTS["change_user"], parameters)
        return _update(rows[0]) if rows else None

    async def put_users(self, users: Sequence[StoredProfile]) -> dict[UserId, StoredUser]:
        """Create different users or replace their profiles, all of them or none."""
        parameters = {"users": orjson.dumps(users).decode()}
        rows = await self._written("put_users", parameters)
        return {
            UserId(row.user_id): StoredUser(UserNo(row.user_no), row.created, row.changed)
            for row in rows
        }

    async def _written(self, name: str, parameters: Mapping[str, Any]) -> Sequence[Row[Any]]:
        """The rows of a statement; MergedIdsError for ids that are nobody's."""
        try:
            return await self._store.write(_INTERESTS[name], parameters)
        except DBAPIError as error:
            if sqlstate_of(error) == MERGED:
                raise MergedIdsError(detail_of(error)) from error
            raise

    async def merge(self, from_id: UserId, user_id: UserId, actor: Actor) -> Row[Any]:
        """Make one user of two; see `merge_users`. It is committed when this returns.

        AccountLinkedError if both are those of an account: then nothing is changed.
        """
        parameters = {"from_user_id": from_id, "user_id": user_id, **actor.doing("merge user")}
        try:
            (row,) = await self._store.write(_SERVING["merge_users"], parameters)
        except DBAPIError as error:
            if sqlstate_of(error) == _BOTH_HAVE_ACCOUNTS:
                detail = "Accounts read and write as both users. Remove one of the accounts first."
                raise AccountLinkedError(detail) from error
            raise
        return row

    async def forget_user(self, user_id: UserId, actor: Actor) -> ForgottenUser:
        """Remove a user, known or not, from every table; it is committed when this returns."""
        parameters = {"user_id": user_id, **actor.doing("forget user")}
        (row,) = await self._store.write(_SERVING["forget_user"], parameters)
        return ForgottenUser(None if row.user_no is None else UserNo(row.user_no), row.removed)


def _profile(row: Row[Any]) -> UserProfile:
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


def _update(row: Row[Any]) -> ProfileUpdate:
    return ProfileUpdate(
        UserNo(row.user_no), row.created, tuple(row.known), row.declared_at, row.created_at
    )
