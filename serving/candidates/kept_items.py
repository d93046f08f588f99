"""The items of a run and of the catalogue as a process keeps them, and the nearest of them.

PostgreSQL takes ten times as long to compare a live vector with ten thousand others as numpy does.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Self

import numpy as np
import orjson
from numpy.typing import NDArray
from sqlalchemy import Row

from domain.identifiers import Position, RunId
from domain.rankings import Ranking
from serving.candidates.catalogue_items import Columns, Texts, numbers_in

Numbers = NDArray[np.integer]

MOST_TOUCHED = 200
"""Items that came or changed since; if there are more, PostgreSQL searches until all is read."""

MOST_EMBEDDED = 1_000
"""Items that got their vector between two nights; if there are more, PostgreSQL searches."""

_EMBEDDED = np.dtype([("item_no", ">i4"), ("product", ">f8")])
"""As the part `beside_memory` has them."""


@dataclass(frozen=True, slots=True)
class ShownItem:
    """What lists show of an item, and whether they may."""

    item_id: str
    title: str
    categories: list[str]
    shown: bool


@dataclass(frozen=True, slots=True)
class BesideMemory:
    """What PostgreSQL knows at the moment of one list, and the memory does not."""

    is_outdated: bool
    """Whether too much has changed since the catalogue was read."""
    touched: Mapping[int, ShownItem]
    """Items that came or changed."""
    embedded: Ranking
    """Items that got their vector between two nights, by its product with the live vector."""
    new: Columns
    """New items, the nearest first."""
    came: bool = False
    """Whether items came: one may have a number that is no higher than others known before."""

    @classmethod
    def of(cls, row: Row[Any]) -> Self:
        """What a statement with the part `beside_memory` found."""
        embedded = Ranking.empty()
        if row.embedded is not None:
            sent = np.frombuffer(row.embedded, dtype=_EMBEDDED)
            embedded = Ranking.of(sent["item_no"], sent["product"])
        touched = {no: ShownItem(*columns) for no, *columns in numbers_in(row.touched_items)}
        return cls(row.outdated, touched, embedded, Columns.of(row, row.new_item_nos), row.came)


@dataclass(frozen=True, slots=True, eq=False)
class KeptCatalogue:
    """All items, as they were at a position of the log."""

    position: Position
    """What changed up to it is known."""
    until: datetime
    """From then on it is not known any more which items may be shown."""
    item_nos: NDArray[np.int32]
    """(n,) rising."""
    item_ids: list[str]
    titles: list[str]
    categories: list[list[str]]
    shown: NDArray[np.bool_]
    """(n,)"""
    places: dict[int, int] = field(init=False)
    """Where each item stands."""

    def __post_init__(self) -> None:
        """Find the places."""
        item_nos = self.item_nos.tolist()
        object.__setattr__(self, "places", dict(zip(item_nos, range(len(item_nos)), strict=True)))

    @classmethod
    def of(cls, row: Row[Any], position: Position) -> Self:
        """What `load_kept_catalogue` found; there is an item at least."""
        return cls(
            position,
            row.until,
            np.array(orjson.loads(row.item_nos), dtype=np.int32),
            orjson.loads(row.item_ids),
            orjson.loads(row.titles),
            orjson.loads(row.categories),
            np.array(orjson.loads(row.shown), dtype=np.bool_),
        )

    def may_be_shown(self, item_nos: Numbers) -> NDArray[np.bool_]:
        """Which of some items may be shown; those that are not there may not."""
        places = _places(self.item_nos, item_nos)
        return (places >= 0) & self.shown[places]


@dataclass(frozen=True, slots=True, eq=False)
class EligibleItems:
    """All items of the catalogue that may be in one list; few of their texts are looked at."""

    catalogue: KeptCatalogue
    shown: NDArray[np.bool_]
    """(n,) which of the catalogue's may, but for those that came or changed."""
    touched: Mapping[int, ShownItem]
    """Which of these may."""
    with_categories: bool
    """Whether anybody has to know them."""

    def among(self, item_nos: Numbers) -> NDArray[np.bool_]:
        """See `Eligible`."""
        places = _places(self.catalogue.item_nos, item_nos)
        found = (places >= 0) & self.shown[places]
        if self.touched:
            found |= np.isin(item_nos, [*self.touched])
        return found

    def texts(self, item_no: int) -> Texts:
        """See `Eligible`."""
        item = self.touched.get(item_no)
        if item is not None:
            return item.item_id, item.title, self._categories(item.categories)
        known, place = self.catalogue, self.catalogue.places[item_no]
        categories = self._categories(known.categories[place])
        return known.item_ids[place], known.titles[place], categories

    def __contains__(self, item_no: int) -> bool:
        place = self.catalogue.places.get(item_no)
        return item_no in self.touched or (place is not None and bool(self.shown[place]))

    def _categories(self, categories: Sequence[str]) -> tuple[str, ...]:
        return tuple(categories) if self.with_categories else ()


@dataclass(frozen=True, slots=True, eq=False)
class KeptItems:
    """The vectors that the night made of a run's items, and the catalogue."""

    run_id: RunId
    catalogue: KeptCatalogue
    item_nos: NDArray[np.int32]
    """(n,) rising: items with a vector; the catalogue has others too."""
    vectors: NDArray[np.float32]
    """(n, dimensions)"""
    hidden: NDArray[np.intp]
    """Rows of items that no list may show."""
    outdated: NDArray[np.bool_]
    """(n,) which of the items got another vector since; set by `note_embedded`."""

    @classmethod
    def of(
        cls,
        run_id: RunId,
        catalogue: KeptCatalogue,
        item_nos: NDArray[np.int32],
        vectors: NDArray[np.float32],
    ) -> Self:
        """The vectors with this catalogue."""
        hidden = np.flatnonzero(~catalogue.may_be_shown(item_nos))
        outdated = np.zeros(len(item_nos), dtype=np.bool_)
        return cls(run_id, catalogue, item_nos, vectors, hidden, outdated)

    def with_catalogue(self, catalogue: KeptCatalogue) -> "KeptItems":
        """The same vectors with another catalogue."""
        hidden = np.flatnonzero(~catalogue.may_be_shown(self.item_nos))
        return replace(self, catalogue=catalogue, hidden=hidden)

    def parameters(self) -> dict[str, Any]:
        """Those of statements with the part `beside_memory`."""
        return {
            "kept_position": self.catalogue.position,
            "kept_until": self.catalogue.until,
            "kept_item_no": int(self.catalogue.item_nos[-1]),
            "most_touched": MOST_TOUCHED,
            "most_embedded": MOST_EMBEDDED,
        }

    def covers(self, beside: BesideMemory) -> bool:
        """Whether the items that may be found are known; `knows` says it of others."""
        return not beside.is_outdated and self._know(beside.embedded.item_nos, beside)

    def knows(self, item_nos: Sequence[int], beside: BesideMemory) -> bool:
        """Whether none of some items came unnoticed; those that are gone are known as such."""
        return not beside.came or self._know(np.array(item_nos, dtype=np.int32), beside)

    def note_embedded(self, item_nos: Numbers) -> None:
        """Remember which items got another vector than the night made."""
        if len(item_nos):
            self.outdated[_rows(self.item_nos, item_nos)] = True

    def taste_and_sequence(
        self, item_nos: Numbers
    ) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
        """Which of some items (m,) have a vector here, and its first parts (m, d); else zero."""
        places = _places(self.item_nos, item_nos)
        known = (places >= 0) & ~self.outdated[places]
        # The last two numbers are the trend and the filler.
        embeddings = self.vectors[places, :-2]
        embeddings[~known] = 0.0
        return known, embeddings

    def _know(self, item_nos: Numbers, beside: BesideMemory) -> bool:
        if not len(item_nos):
            return True
        unknown = item_nos[_places(self.catalogue.item_nos, item_nos) < 0]
        return beside.touched.keys() >= {*unknown.tolist()}

    def nearest(
        self,
        live_vector: NDArray[np.float32],
        following: Ranking,
        excluded: Numbers,
        beside: BesideMemory,
        most: int,
    ) -> Ranking:
        """The `most` items with the best live scores, of those that may be shown.

        What the statement `load_candidates` finds, which also says what a live score is.
        """
        # Row by row and not as one product, in which BLAS adds up equal vectors differently in
        # different places.
        scores = np.vecdot(self.vectors, live_vector).astype(np.float64)
        self._leave_out(scores, excluded, beside)
        _add_gains(scores, self.item_nos, following)
        rows = _best(scores, most)
        ranking = Ranking.of(self.item_nos[rows], scores[rows])
        if not len(beside.embedded):
            return ranking.top(most)
        embedded = self._embedded(following, excluded, beside)
        return Ranking.of(
            np.concatenate([ranking.item_nos, embedded.item_nos]),
            np.concatenate([ranking.scores, embedded.scores]),
        ).top(most)

    def _leave_out(
        self, scores: NDArray[np.float64], excluded: Numbers, beside: BesideMemory
    ) -> None:
        """Give items that may not be found a score that is none."""
        touched = beside.touched.items()
        shown_now = _rows(self.item_nos, [no for no, item in touched if item.shown])
        products = scores[shown_now]
        scores[self.hidden] = -np.inf
        scores[shown_now] = products
        gone = [no for no, item in touched if not item.shown]
        for left_out in (gone, excluded, beside.embedded.item_nos):
            scores[_rows(self.item_nos, left_out)] = -np.inf

    def eligible(
        self, excluded: Numbers, beside: BesideMemory, *, with_categories: bool
    ) -> EligibleItems:
        """Those that may be shown now and are not excluded."""
        shown = self.catalogue.shown.copy()
        for left_out in (excluded, [*beside.touched]):
            shown[_rows(self.catalogue.item_nos, left_out)] = False
        touched = {no: item for no, item in beside.touched.items() if item.shown}
        if touched:
            for no in excluded.tolist():
                touched.pop(no, None)
        return EligibleItems(self.catalogue, shown, touched, with_categories)

    def _embedded(self, following: Ranking, excluded: Numbers, beside: BesideMemory) -> Ranking:
        """Those that may be shown of the items that got their vector between two nights."""
        ranking = beside.embedded.without(excluded)
        order = np.argsort(ranking.item_nos)
        item_nos, scores = ranking.item_nos[order], ranking.scores[order]
        shown = self.catalogue.may_be_shown(item_nos)
        for is_shown in (False, True):
            touched = [no for no, item in beside.touched.items() if item.shown is is_shown]
            shown[_rows(item_nos, touched)] = is_shown
        _add_gains(scores, item_nos, following)
        return Ranking.of(item_nos[shown], scores[shown])


def _places(rising: NDArray[np.int32], item_nos: Numbers) -> NDArray[np.intp]:
    """Where items (m,) stand among others (n,); -1 for those that are not there."""
    places = np.minimum(rising.searchsorted(item_nos), len(rising) - 1)
    return np.where(rising[places] == item_nos, places, -1)


def _rows(rising: NDArray[np.int32], item_nos: Numbers | Sequence[int]) -> NDArray[np.intp]:
    """Where those of some items stand that are there."""
    if not len(item_nos) or not len(rising):
        return np.empty(0, dtype=np.intp)
    wanted = np.asarray(item_nos, dtype=np.int32)
    # What is higher than all of them is compared with the last, and is another one.
    places = rising.searchsorted(wanted)
    found: NDArray[np.intp] = places[rising.take(places, mode="clip") == wanted]
    return found


def _add_gains(
    scores: NDArray[np.float64], item_nos: NDArray[np.int32], following: Ranking
) -> None:
    """Add what each item gains by coming next to the scores of some, whose numbers rise."""
    if not len(following) or not len(item_nos):
        return
    places = item_nos.searchsorted(following.item_nos)
    known = item_nos.take(places, mode="clip") == following.item_nos
    scores[places[known]] += following.scores[known]


def _best(scores: NDArray[np.float64], most: int) -> NDArray[np.intp]:
    """Rows of the `most` best scores that are finite, and of some that are nearly as good."""
    groups = 2 * most
    if len(scores) < 2 * groups:
        return np.flatnonzero(scores > -np.inf)
    # As many groups as are wanted have an item with at least this score: it is found in a quarter
    # of the time that the score of the last of the best takes.
    best = scores[: len(scores) // groups * groups].reshape(-1, groups).max(axis=0)
    least = np.partition(best, groups - most)[groups - most]
    return np.flatnonzero((scores >= least) & (scores > -np.inf))
