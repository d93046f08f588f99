"""What a user must not be shown, as it is cached and as the log has it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Row

from domain.identifiers import ItemNo, UserId, UserNo
from domain.redis_keys import (
    MOST_EXCLUDED_ITEMS,
    exclusion_numbers,
    packed_numbers,
    unpacked_numbers,
)
from serving.postgres.store import ReadStore
from sql.statements import statements

MOST_ITEMS = MOST_EXCLUDED_ITEMS
"""How many items of one user are cached."""

Knowledge = Literal["known", "unknown"]
"""Whether an answer was made with all that its user has seen, disliked or hidden."""

PACKED_BYTES = 4
"""Bytes a packed number takes."""

_SERVING = statements("serving")


@dataclass(frozen=True, slots=True)
class Exclusions:
    """Items that are not shown to a user."""

    seen: frozenset[ItemNo] = frozenset()
    """Those the user has seen."""
    disliked: frozenset[ItemNo] = frozenset()
    """Those the user disliked or hid: they stay out even where seen items may be shown."""

    def of(self, *, exclude_seen: bool) -> frozenset[ItemNo]:
        """What stays out of one list."""
        return self.seen | self.disliked if exclude_seen else self.disliked

    def __or__(self, other: "Exclusions") -> "Exclusions":
        return Exclusions(self.seen | other.seen, self.disliked | other.disliked)


@dataclass(frozen=True, slots=True)
class UserExclusions:
    """What is known of a user without asking the store."""

    user_no: UserNo | None = None
    """None: not known, though the user may have one."""
    exclusions: Exclusions = Exclusions()
    complete: bool = False
    """Whether these are all exclusions, as the log had them; False: there may be others."""

    @property
    def knowledge(self) -> Knowledge:
        """What an answer that was made with these exclusions says of them."""
        return "known" if self.complete else "unknown"

    def __or__(self, newer: "UserExclusions") -> "UserExclusions":
        user_no = self.user_no if newer.user_no is None else newer.user_no
        complete = self.complete or newer.complete
        return UserExclusions(user_no, self.exclusions | newer.exclusions, complete)

    def together(self, others: Iterable["UserExclusions"]) -> "UserExclusions":
        """What must not be shown to this user and others in one list; it is of none of them."""
        exclusions, complete = self.exclusions, self.complete
        for other in others:
            exclusions, complete = exclusions | other.exclusions, complete and other.complete
        return UserExclusions(None, exclusions, complete)

    def numbers(self) -> list[int]:
        """What is published and stored of the user: see `exclusion_numbers`."""
        seen, disliked = self.exclusions.seen, self.exclusions.disliked
        return exclusion_numbers(self.user_no, seen, disliked, complete=self.complete)

    @classmethod
    def of_numbers(cls, numbers: Sequence[int]) -> "UserExclusions":
        """The user from such numbers; items may stand there more than once."""
        number, *items = numbers
        seen = frozenset(ItemNo(no) for no in items if no > 0)
        disliked = frozenset(ItemNo(-no) for no in items if no < 0)
        user_no = UserNo(abs(number)) if number else None
        return cls(user_no, Exclusions(seen, disliked), number > 0)

    def pack(self) -> bytes:
        """The numbers in 32 bits each, the lowest byte first."""
        return packed_numbers(self.numbers())

    @classmethod
    def unpack(cls, packed: bytes) -> "UserExclusions":
        """The user from what was packed."""
        return cls.of_numbers(unpacked_numbers(packed))


class ExcludedItems:
    """Reads the exclusions of users."""

    def __init__(self, store: ReadStore) -> None:
        self._store = store

    async def find_recent_users(self, users: int) -> list[UserNo]:
        """The users of the newest interactions, at most so many."""
        rows = await self._store.rows(_SERVING["find_recent_users"], {"users": users})
        return [UserNo(row.user_no) for row in rows]

    async def load_exclusions(self, user_nos: Sequence[UserNo]) -> dict[UserId, UserExclusions]:
        """The exclusions of those of the users who exist."""
        rows = await self._store.rows(_SERVING["load_exclusions"], {"user_nos": list(user_nos)})
        return {UserId(row.user_id): _known(row) for row in rows}

    async def find_exclusions(self, user_id: UserId) -> UserExclusions:
        """All exclusions of a user, who has none if the log has never seen the user."""
        rows = await self._store.rows(_SERVING["find_exclusions"], {"user_id": user_id})
        return _known(rows[0]) if rows else UserExclusions(complete=True)


def _known(row: Row[Any]) -> UserExclusions:
    exclusions = Exclusions(frozenset(row.seen), frozenset(row.disliked))
    return UserExclusions(UserNo(row.user_no), exclusions, complete=True)
