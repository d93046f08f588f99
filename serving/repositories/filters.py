"""Which items of the catalogue a list may hold, beside what is eligible for everybody."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Filters:
    """Which categories the items of a list may have."""

    any_of: tuple[str, ...] = ()
    """Only items of at least one of these; empty: whatever their categories."""
    none_of: tuple[str, ...] = ()

    @classmethod
    def of(cls, any_of: Iterable[str], none_of: Iterable[str]) -> "Filters":
        """Filters that are equal if they say the same, in whatever order."""
        return cls(tuple(sorted(set(any_of))), tuple(sorted(set(none_of))))

    @classmethod
    def of_category(cls, category: str) -> "Filters":
        """Only items of a category; '' is the whole catalogue."""
        return cls((category,)) if category else cls()

    def match(self, categories: Sequence[str]) -> bool:
        """Whether an item of these categories passes."""
        own = set(categories)
        return (not self.any_of or not own.isdisjoint(self.any_of)) and own.isdisjoint(self.none_of)

    def without(self, categories: Sequence[str]) -> "Filters":
        """The same, and none of these either."""
        return Filters(self.any_of, (*self.none_of, *categories))

    def parameters(self) -> dict[str, Any]:
        """What a statement is told of them."""
        return {
            "is_filtered": bool(self.any_of),
            "any_of": list(self.any_of),
            "none_of": list(self.none_of),
        }


EVERYTHING = Filters()
