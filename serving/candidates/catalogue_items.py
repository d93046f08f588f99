"""Items as lists are made of them: the candidates of one list, and eligible items in an order."""

from bisect import bisect_right
from collections.abc import Iterable, KeysView, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
import orjson
from numpy.typing import NDArray
from sqlalchemy import Row

from domain.blend import CANDIDATES
from domain.identifiers import ItemNo, RunId
from domain.rankings import Ranking
from serving.candidates.filters import Filters
from serving.postgres.store import ReadStore
from serving.runs.live_runs import check_run
from sql.statements import statements

_SERVING = statements("serving")


@dataclass(frozen=True, slots=True)
class CatalogueItem:
    """What an answer shows of an item."""

    item_no: ItemNo
    item_id: str
    title: str
    categories: tuple[str, ...] = ()
    """Empty too where nobody has to know."""


@dataclass(frozen=True, slots=True)
class NewItems:
    """Which new items to look for."""

    count: int = 0
    """How many of the nearest; 0: none."""
    fewer_users_than: int = 0
    """What makes an item new."""
    from_users: int = 0
    """Where to begin: among the items that so many users like ..."""
    start: float = 0.0
    """... after this share of all item numbers, in [0, 1)."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Items of one origin; all lists have the same length."""

    item_nos: list[int]
    scores: list[Any]
    """Numbers of the nearest, otherwise None."""
    item_ids: Sequence[str]
    titles: Sequence[str]
    categories: Sequence[list[str] | None]
    """None where nobody asked."""

    @classmethod
    def of(cls, row: Row[Any], item_nos: str | None, scores: str | None = None) -> "Columns":
        """What one row says of these items, its columns in JSON."""
        numbers = numbers_in(item_nos)
        if not numbers:
            return NO_COLUMNS
        return cls(
            numbers,
            [None] * len(numbers) if scores is None else numbers_in(scores),
            orjson.loads(row.item_ids),
            orjson.loads(row.titles),
            orjson.loads(row.categories),
        )

    def best_first(self) -> "Columns":
        """The same in order of their scores, and then of their numbers; without the scores."""
        places = sorted(
            range(len(self.item_nos)), key=lambda n: (-self.scores[n], self.item_nos[n])
        )
        ordered = self.only([self.item_nos[place] for place in places])
        return replace(ordered, scores=[None] * len(places))

    def only(self, item_nos: Sequence[int]) -> "Columns":
        """Some of these items, in this order."""
        rows = [self.item_nos.index(no) for no in item_nos]
        return Columns(
            [self.item_nos[row] for row in rows],
            [self.scores[row] for row in rows],
            [self.item_ids[row] for row in rows],
            [self.titles[row] for row in rows],
            [self.categories[row] for row in rows],
        )


def numbers_in(text: str | None) -> list[Any]:
    """What a column in JSON holds; null: nothing."""
    return [] if text is None else orjson.loads(text)


NO_COLUMNS = Columns([], [], [], [], [])

Texts = tuple[str, str, tuple[str, ...]]
"""Id, title and categories of an item."""


class Eligible(Protocol):
    """All items that may be in a list, where they need not be looked up."""

    def among(self, item_nos: NDArray[np.integer]) -> NDArray[np.bool_]:
        """Which of some items (n,) they are."""

    def texts(self, item_no: int) -> Texts:
        """What is shown of one of them."""

    def __contains__(self, item_no: int) -> bool: ...


@dataclass(frozen=True, slots=True)
class Nearest:
    """What a search for the items with the best live scores found."""

    near: Columns
    """With their live scores; found by an index, the nearest to the live vector alone."""
    following: Columns
    """What comes next after the user's history, beside what an index found or among it."""
    listed: Columns
    """Those of the other items asked about that are eligible."""
    new: Columns
    """New items, the nearest first."""
    ranking: Ranking
    """The best of both by live score."""
    eligible: Eligible | None = None
    """What was found in memory: then neither nearest items nor others were looked up."""


class Named:
    """Catalogue items by their number, each made when somebody asks for it."""

    def __init__(self, sources: Iterable[Columns] = (), eligible: Eligible | None = None) -> None:
        self._eligible = eligible
        """These too."""
        self._sources: list[Columns] = []
        self._starts: list[int] = []
        """How many items stand in the sources before each."""
        self._places: dict[int, int] = {}
        """Where each item stands among those of all sources."""
        self._count = 0
        for columns in sources:
            self.add(columns)

    def add(self, columns: Columns) -> None:
        """These items too."""
        item_nos, start = columns.item_nos, self._count
        if item_nos:
            self._sources.append(columns)
            self._starts.append(start)
            self._count += len(item_nos)
            self._places.update(zip(item_nos, range(start, self._count), strict=True))

    def __getitem__(self, item_no: int) -> CatalogueItem:
        return CatalogueItem(ItemNo(item_no), *self.texts(item_no))

    def texts(self, item_no: int) -> Texts:
        """What is shown of an item."""
        if item_no not in self._places and self._eligible is not None:
            return self._eligible.texts(item_no)
        place = self._places[item_no]
        source = bisect_right(self._starts, place) - 1
        columns, row = self._sources[source], place - self._starts[source]
        return columns.item_ids[row], columns.titles[row], tuple(columns.categories[row] or ())

    @property
    def added(self) -> KeysView[int]:
        """The numbers of those that were added."""
        return self._places.keys()

    def __contains__(self, item_no: int) -> bool:
        return item_no in self._places or (self._eligible is not None and item_no in self._eligible)


@dataclass(frozen=True, slots=True)
class Candidates:
    """The eligible items of all sources."""

    rankings: Mapping[str, Ranking]
    """By source; empty for a source that has nothing."""
    items: Named = field(default_factory=Named)
    """All of them."""
    new: tuple[ItemNo, ...] = ()
    """New items, the nearest first."""
    brought: Mapping[str, Sequence[int]] = field(default_factory=dict)
    """Items that the user's preferences bring, by preference."""

    def __bool__(self) -> bool:
        return any(map(len, self.rankings.values()))


@dataclass(frozen=True, slots=True)
class ListedItems:
    """Eligible items with scores, best first."""

    ranking: Ranking
    items: dict[ItemNo, CatalogueItem]

    @classmethod
    def of(cls, rows: Sequence[Row[Any]]) -> "ListedItems":
        """Rows keep their order: equal scores stand as the statement put them."""
        ranking = Ranking(
            np.array([row.item_no for row in rows], dtype=np.int32),
            np.array([row.score for row in rows], dtype=np.float64),
        )
        items = {
            ItemNo(row.item_no): CatalogueItem(
                ItemNo(row.item_no), row.item_id, row.title, tuple(row.categories)
            )
            for row in rows
        }
        return cls(ranking, items)


async def load_listed(
    store: ReadStore, run_id: RunId, name: str, excluded: Sequence[ItemNo], filters: Filters
) -> ListedItems:
    """The eligible part of one of a run's lists; RunGoneError if the run was dropped.

    Of a single category it is the category's own list.
    """
    parameters = {
        "run_id": run_id,
        "list": name,
        "category": filters.any_of[0] if len(filters.any_of) == 1 else "",
        "excluded": list(excluded),
        "items": CANDIDATES,
        **filters.parameters(),
    }
    rows = await store.rows(_SERVING["load_listed"], parameters)
    if not rows:
        await check_run(store, run_id)
    return ListedItems.of(rows)


async def load_eligible(
    store: ReadStore,
    item_nos: Sequence[ItemNo],
    excluded: Sequence[ItemNo],
    filters: Filters,
    *,
    items: int,
) -> ListedItems:
    """The first `items` of these that are eligible and pass now, in the same order; score 0."""
    parameters = {
        "item_nos": list(item_nos),
        "excluded": list(excluded),
        "items": items,
        **filters.parameters(),
    }
    return ListedItems.of(await store.rows(_SERVING["load_eligible"], parameters))


async def find_item_nos(store: ReadStore, item_ids: Iterable[str]) -> dict[str, ItemNo]:
    """The numbers of those items that exist."""
    rows = await store.rows(_SERVING["find_item_nos"], {"item_ids": sorted(item_ids)})
    return {row.item_id: ItemNo(row.item_no) for row in rows}
