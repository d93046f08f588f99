"""Lists of similar items and of what a search found, as they are made, kept and answered."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Self

import orjson

from domain.identifiers import ItemNo
from serving.runs.live_runs import LiveRun, decoded_run

SimilarStrategy = Literal["similar", "words", "popular", "fallback"]
SearchStrategy = Literal["search", "words", "popular", "fallback"]
FoundSource = Literal["cache", "similar", "search", "words", "popular", "fallback"]
Match = Literal["words", "meaning", "popular"]


@dataclass(frozen=True, slots=True)
class SimilarItem:
    """An item that is like others."""

    item_no: ItemNo
    item_id: str
    title: str
    score: float
    """The sum of the two that follow; 0 for items that only fill the list up."""
    used_by_same_people: float
    similar_in_words: float


@dataclass(frozen=True, slots=True)
class SimilarList:
    """Items like others, the most similar first."""

    strategy: SimilarStrategy
    run: LiveRun | None
    items: tuple[SimilarItem, ...]
    unknown: tuple[str, ...] = ()
    """Ids among those asked for that no item has."""
    degraded: str | None = None
    """Why it is less than it might have been, and so is not kept; None: it is not."""
    categories_meant: Mapping[str, str] = field(default_factory=dict)
    """Of an empty list: categories that no item has, and those written so but for case."""

    def encode(self) -> bytes:
        """What is kept in the cache."""
        return orjson.dumps(self)

    @classmethod
    def decode(cls, kept: bytes) -> Self:
        """The list from what was kept."""
        said = orjson.loads(kept)
        items = tuple(SimilarItem(**item) for item in said["items"])
        return cls(
            said["strategy"],
            decoded_run(said["run"]),
            items,
            unknown=tuple(said["unknown"]),
            categories_meant=said.get("categories_meant", {}),
        )


@dataclass(frozen=True, slots=True)
class Highlights:
    """Where the words stand, as HTML: all that is not a mark is escaped."""

    title: str
    text: str | None
    """A piece of the description, or of categories and attributes; None: no word stands there."""


@dataclass(frozen=True, slots=True)
class SearchedItem:
    """An item that a search found."""

    item_no: ItemNo
    item_id: str
    title: str
    score: float
    """What the list is ordered by; 0 for items that only fill it up."""
    match: Match
    seen: bool
    """Whether the user has seen it."""
    highlights: Highlights | None = None


@dataclass(frozen=True, slots=True)
class SearchList:
    """What a search found, the best first."""

    strategy: SearchStrategy
    run: LiveRun | None
    items: tuple[SearchedItem, ...]
    corrected: Mapping[str, str] = field(default_factory=dict)
    """Words as they were typed, and those that were looked for instead."""
    degraded: str | None = None
    """As of any list."""
    categories_meant: Mapping[str, str] = field(default_factory=dict)
    """As of similar items."""

    @property
    def match(self) -> Match | None:
        """How the best item was found; None: there is no item."""
        return self.items[0].match if self.items else None

    def encode(self) -> bytes:
        """What is kept in the cache."""
        return orjson.dumps(self)

    @classmethod
    def decode(cls, kept: bytes) -> Self:
        """The list from what was kept."""
        said = orjson.loads(kept)
        items = tuple(_searched_item(item) for item in said["items"])
        return cls(
            said["strategy"],
            decoded_run(said["run"]),
            items,
            corrected=said["corrected"],
            categories_meant=said.get("categories_meant", {}),
        )


def _searched_item(said: dict[str, Any]) -> SearchedItem:
    highlights = said.pop("highlights")
    return SearchedItem(**said, highlights=highlights and Highlights(**highlights))
