"""What a user must not be shown, as the store tells it and as it is remembered without it."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from domain.identifiers import ItemNo, UserNo

MOST_ITEMS = 5_000
"""How many items of one user are remembered."""

PACKED_BYTES = 4
"""Bytes a packed number takes."""


@dataclass(frozen=True, slots=True)
class Exclusions:
    """Items that are not shown to a user."""

    seen: frozenset[ItemNo] = frozenset()
    """Those the user has seen."""
    against: frozenset[ItemNo] = frozenset()
    """Those the user spoke against: they stay out even where seen items may be shown."""

    def of(self, *, exclude_seen: bool) -> frozenset[ItemNo]:
        """What stays out of one list."""
        return self.seen | self.against if exclude_seen else self.against

    def __or__(self, other: "Exclusions") -> "Exclusions":
        return Exclusions(self.seen | other.seen, self.against | other.against)


@dataclass(frozen=True, slots=True)
class RememberedUser:
    """What is known of a user without asking the store."""

    user_no: UserNo | None = None
    """None: not known, though the user may have one."""
    exclusions: Exclusions = Exclusions()

    def __or__(self, newer: "RememberedUser") -> "RememberedUser":
        user_no = self.user_no if newer.user_no is None else newer.user_no
        return RememberedUser(user_no, self.exclusions | newer.exclusions)

    def numbers(self) -> list[int]:
        """The user's number (0: not known), items seen, and items spoken against, negative.

        Of more than MOST_ITEMS items those spoken against are kept first.
        """
        seen = sorted(self.exclusions.seen - self.exclusions.against)
        against = [-no for no in sorted(self.exclusions.against)]
        return [self.user_no or 0, *[*seen, *against][-MOST_ITEMS:]]

    @classmethod
    def of_numbers(cls, numbers: Sequence[int]) -> "RememberedUser":
        """The user from such numbers; items may stand there more than once."""
        user_no, *items = numbers
        seen = frozenset(ItemNo(no) for no in items if no > 0)
        against = frozenset(ItemNo(-no) for no in items if no < 0)
        return cls(UserNo(user_no) if user_no else None, Exclusions(seen, against))

    def pack(self) -> bytes:
        """The numbers in 32 bits each, the lowest byte first."""
        numbers = self.numbers()
        return struct.pack(f"<{len(numbers)}i", *numbers)

    @classmethod
    def unpack(cls, packed: bytes) -> "RememberedUser":
        """The user from what was packed."""
        return cls.of_numbers(struct.unpack(f"<{len(packed) // PACKED_BYTES}i", packed))
