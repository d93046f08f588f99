"""What is said of users, and what that comes to in a run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from domain.identifiers import ItemNo, UserId, UserNo
from serving.repositories.store import Store
from sql.statements import statements

_INTERESTS = statements("interests")


@dataclass(frozen=True, slots=True)
class StatedWord:
    """A word or phrase a user likes."""

    word: str
    known: bool
    """Whether the run being served knows a term of it."""


@dataclass(frozen=True, slots=True)
class StatedInterests:
    """What a user likes, in the order it was stated."""

    words: tuple[StatedWord, ...]
    items: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StatedUser:
    """All that is said of a user."""

    user_id: str
    attributes: dict[str, Any]
    interests: StatedInterests
    stated_at: datetime | None
    """When other interests were stated last; None: never."""
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Statement:
    """What became of what was said."""

    user_no: UserNo
    created: bool
    """False: it replaced what was said before, or was the same."""
    changed: bool
    """Whether other interests are stated than before."""
    known: tuple[bool, ...]
    """Of each word, whether the run being served knows a term of it."""
    stated_at: datetime | None
    created_at: datetime


class StatedUsers:
    """Reads and writes what is said of users."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def find_user(self, user_id: UserId) -> StatedUser | None:
        """A user; None if nobody has that name."""
        rows = await self._store.rows(_INTERESTS["find_user"], {"user_id": user_id})
        if not rows:
            return None
        (row,) = rows
        words = zip(row.words, row.known, strict=True)
        return StatedUser(
            user_id=row.user_id,
            attributes=row.attributes,
            interests=StatedInterests(
                tuple(StatedWord(word, known) for word, known in words), tuple(row.item_ids)
            ),
            stated_at=row.stated_at,
            created_at=row.created_at,
        )

    async def state_user(
        self,
        user_id: UserId,
        attributes: Mapping[str, Any],
        words: Sequence[str],
        item_nos: Sequence[ItemNo],
    ) -> Statement:
        """Create a user or replace what is said of one; it is committed when this returns."""
        parameters = {
            "user_id": user_id,
            "attributes": orjson.dumps(attributes).decode(),
            "words": list(words),
            "item_nos": list(item_nos),
        }
        (row,) = await self._store.rows(_INTERESTS["state_user"], parameters)
        return Statement(
            UserNo(row.user_no),
            row.created,
            row.changed,
            tuple(row.known),
            row.stated_at,
            row.created_at,
        )
