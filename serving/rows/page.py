"""What a page is asked to be, and what it is."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import chain
from typing import Literal

from domain.identifiers import ItemId, UserId
from serving.candidates.filters import EVERYTHING, Filters
from serving.lists.decision import Decision
from serving.lists.recommendation_list import RecommendedItem
from serving.lists.request import RecommendationRequest
from serving.non_personalized.non_personalized_list import Window
from serving.rows.own_items import SeedItem
from serving.rules.rule_set import NO_RULES, HoldingRules
from serving.runs.live_runs import LiveRun

RowKind = Literal["for_you", "because_of", "trending", "new_for_you", "continue", "popular"]
OF_RECOMMENDATIONS: AbstractSet[RowKind] = {"for_you", "new_for_you"}
"""Rows that are recommendations; others are found for a question."""
DropReason = Literal["too_few", "withheld", "away"]


@dataclass(frozen=True, slots=True)
class RowRequest:
    """What one row is asked to be."""

    kind: RowKind
    title_id: str
    """The app's own name of the row, given back with it."""
    limit: int
    least: int = 1
    """With fewer items there is no row."""
    filters: Filters = EVERYTHING
    item_id: ItemId | None = None
    """Of `because_of`: None: what the user liked last."""
    category: str | None = None
    """Of `trending` and `popular`; '': the whole catalogue; None, of `trending`: the category that
    the user likes most."""
    window: Window = "week"
    """Of `trending`."""
    days: int = 30
    """Of `continue`: begun so lately."""
    begun: tuple[str, ...] = ()
    """Of `continue`: event kinds."""
    finished: tuple[str, ...] = ()
    """Of `continue`: event kinds."""
    placed: RecommendationRequest | None = None
    """What was decided for its placement; None: it is for none."""

    @property
    def rules(self) -> HoldingRules:
        """What a team has set above what was learned."""
        return NO_RULES if self.placed is None else self.placed.rules

    @property
    def decision(self) -> Decision | None:
        """What was decided beside the parameters of its list."""
        return None if self.placed is None else self.placed.decision


@dataclass(frozen=True, slots=True)
class PageRequest:
    """What a page is asked to be."""

    rows: tuple[RowRequest, ...]
    """In the order in which they claim items."""
    user_id: UserId | None = None
    shows_history: bool = True
    """Whether rows may show what the user did."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a page."""

    request: RowRequest
    strategy: str
    """What it was made as."""
    items: tuple[RecommendedItem, ...]
    because_of: SeedItem | None = None
    category: str | None = None
    degraded: str | None = None
    """Why it is less than it might have been; None: it is not."""


@dataclass(frozen=True, slots=True)
class DroppedRow:
    """A row that is not on the page."""

    request: RowRequest
    reason: DropReason


@dataclass(frozen=True, slots=True)
class Page:
    """A page; no item is in two of its rows."""

    strategy: Literal["rows", "fallback"]
    run: LiveRun | None
    """The run of all rows."""
    rows: tuple[Row, ...]
    dropped: tuple[DroppedRow, ...] = ()
    degraded: str | None = None
    """Why it is less than it might have been; None: it is not."""

    @property
    def items(self) -> Sequence[RecommendedItem]:
        """Those of all rows, in their order."""
        return list(chain.from_iterable(row.items for row in self.rows))
