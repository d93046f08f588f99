"""What a search is asked, and what it found as it is made, kept and answered."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Self

import orjson

from domain.identifiers import ItemNo
from serving.candidates.filters import EVERYTHING, Filters
from serving.lists.decision import Decision
from serving.rules.rule_set import NO_RULES, HoldingRules
from serving.runs.live_runs import LiveRun, decoded_run


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """What is looked for, and what the list is asked to be."""

    text: str
    limit: int
    filters: Filters = EVERYTHING
    exclude_seen: bool = False
    """True: items the user has seen stay out; those the user disliked or hid always do."""
    only_words: bool = False
    """Whether only items that match in words are wanted, however few."""
    highlight: bool = True
    shown: tuple[ItemNo, ...] = ()
    """What was on the pages before this one."""
    rules: HoldingRules = NO_RULES
    """What a team has set above what was learned."""
    decision: Decision | None = None
    """Which placement it is for; None: for none."""

    def scroll_key(self) -> str:
        """What stays the same while somebody scrolls: all but the length of a page."""
        filters, seen = self.filters.key(), self.exclude_seen
        parts = (self.text, filters, seen, self.only_words, self.highlight)
        return f"search:{orjson.dumps(parts).decode()}"


SearchStrategy = Literal["search", "words", "popular", "fallback"]
Match = Literal["words", "meaning", "popular"]


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
    """What the list is ordered by before rules; 0 for items that only fill it up."""
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
        """How the best item was found, wherever rules put it; None: there is no item."""
        # Of equal ones the first.
        return max(self.items, key=lambda item: item.score).match if self.items else None

    @classmethod
    def decode(cls, cached: bytes) -> Self:
        """The list from what was cached."""
        decoded = orjson.loads(cached)
        items = tuple(_searched_item(item) for item in decoded["items"])
        return cls(
            decoded["strategy"],
            decoded_run(decoded["run"]),
            items,
            corrected=decoded["corrected"],
            categories_meant=decoded.get("categories_meant", {}),
        )


def _searched_item(fields: dict[str, Any]) -> SearchedItem:
    highlights = fields.pop("highlights")
    return SearchedItem(**fields, highlights=highlights and Highlights(**highlights))
