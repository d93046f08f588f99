"""What a source of candidates is, and what it is asked."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Protocol

from domain.identifiers import ItemNo, RunId
from domain.rankings import Ranking
from serving.candidates.catalogue_items import NO_COLUMNS, Columns, Eligible, Named, NewItems
from serving.candidates.filters import EVERYTHING, Filters
from serving.candidates.recommendations import Recommendations
from serving.candidates.user_state import UserState
from serving.runs.live_runs import ItemIndex


class ItemLookup:
    """Which of the items that sources found may be shown, and what they are called.

    A source names the items it found; they are looked up together, with the statement of a source
    that searches anyway or, if there is none, at the end.
    """

    def __init__(self) -> None:
        self._asked: list[Sequence[int]] = []
        """Since anything was looked up."""
        self._found = Named()
        self._new: list[Columns] = []
        self._eligible: Eligible | None = None
        """None: only what was found is known."""

    def add(self, item_nos: Sequence[int]) -> None:
        """Items to be looked up, unless they were."""
        self._asked.append(item_nos)

    @property
    def waiting(self) -> Sequence[int]:
        """What is to be looked up with the next statement."""
        if self._eligible is not None:
            return []
        asked, found = dict.fromkeys(chain.from_iterable(self._asked)), self._found.added
        return [no for no in asked if no not in found]

    def add_eligible(self, eligible: Eligible, new: Columns) -> None:
        """Nothing is to be looked up: what may be shown is known of all items; `new` as below."""
        self._eligible, self._found = eligible, Named(eligible=eligible)
        self._new.append(new)

    def add_found(self, *found: Columns, new: Columns = NO_COLUMNS) -> None:
        """All that was waiting has been looked up: these are eligible, and perhaps others.

        `new`: new items, the nearest first, which are no candidates by themselves.
        """
        self._asked = []
        for columns in found:
            self._found.add(columns)
        self._new.append(new)

    def end(self) -> Named:
        """What is eligible, by number, and the new items; nothing is looked up after it."""
        for columns in self._new:
            self._found.add(columns)
        return self._found

    @property
    def new(self) -> tuple[ItemNo, ...]:
        """New items, the nearest first."""
        return tuple(ItemNo(no) for columns in self._new for no in columns.item_nos)

    def eligible(self, ranking: Ranking) -> Ranking:
        """What may be shown of a ranking, in the same order."""
        if self._eligible is not None:
            return ranking.where(self._eligible.among(ranking.item_nos))
        found = self._found.added
        # A list of a few hundred is gone through in less time than numpy takes to sort it.
        kept = [no in found for no in ranking.item_nos.tolist()]
        return ranking if all(kept) else ranking.where(kept)


@dataclass(frozen=True, slots=True)
class CandidateRequest:
    """What every source is asked, beside the user."""

    run_id: RunId
    recommendations: Recommendations
    """Reads what a run holds; its `store` is there for a source's own statements."""
    filters: Filters = EVERYTHING
    index: ItemIndex | None = None
    """The index to look for the nearest items with; None: compare with every item."""
    new: NewItems = field(default_factory=NewItems)
    """Which new items to look for beside the candidates."""
    with_categories: bool = False
    """Whether anybody has to know the categories of the items."""
    named: Sequence[int] = ()
    """Items that are to be looked up in any case."""
    hidden: Sequence[ItemNo] = ()
    """What no list shows: left out of what is found, as a search that excludes much takes long."""
    lookup: ItemLookup = field(default_factory=ItemLookup)


class CandidateSource(Protocol):
    """Ranks items for a user."""

    name: str
    """What its weight and its scores are found by."""

    async def candidates(self, user: UserState, request: CandidateRequest) -> Ranking:
        """The best items for a user; empty if the source has nothing for this one.

        Items need not be eligible: what may not be shown is left out before scores are scaled. So a
        source that does not filter by itself gives more than `CANDIDATES`. RunGoneError if the run
        was dropped, StoreUnavailableError if it takes too long.
        """
