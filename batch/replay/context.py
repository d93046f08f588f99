"""Whether the context of a log foretells anything: lists with it against the same without.

What a context tells of an item is its lift: how much more often the item is liked where the context
is such than anywhere. A list knows of it by

    score' = score * lift^w,    lift = (n_iv + k) / (n_i * n_v / n + k)

with n_iv interactions of the item where the context says v, as many as n_i * n_v / n expected, and
k of a prior that says it does not matter (gamma-Poisson shrinkage, as DuMouchel 1999 has it).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from batch.choosing.paired import paired_difference
from batch.evaluation.ranks import hits_at
from batch.evaluation.scoring import DEPTH
from batch.history.interactions import Interactions
from batch.replay.ranking import MISSED, blended_as_of
from batch.replay.sources import FittedNight
from batch.space.validation_events import ValidationEvent
from domain.blend import BlendPolicy

WEIGHTS = (0.0, 0.25, 0.5, 1.0, 2.0)
"""Powers of the lift to choose from; 0: the context is not asked."""
PSEUDO_COUNT = 5.0
MOST_VALUES = 50
"""Of a name; rarer ones say too little."""
FEWEST_MOMENTS = 100
"""With fewer that say something of a name nothing can be told."""
LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class Lifts:
    """What one night knows of one name of contexts."""

    item_nos: NDArray[np.int32]
    """(i,) rising: what anybody liked."""
    by_value: Mapping[str, NDArray[np.float64]]
    """(i,) the lift of each item where the context says so."""

    @classmethod
    def of(cls, past: Interactions, name: str) -> "Lifts":
        """From what users liked in contexts that say something of the name."""
        assert past.contexts is not None  # noqa: S101 -- whoever asks has looked
        values, code_of = past.contexts.codes(name)
        sizes = np.zeros(len(values), dtype=np.int64)
        for codes, _ in _liked(past, code_of):
            sizes += np.bincount(codes, minlength=len(values))
        frequent = np.sort(np.argsort(-sizes, kind="stable")[:MOST_VALUES])
        frequent = frequent[sizes[frequent] > 0]
        row_of = np.full(len(values) + 1, -1, dtype=np.int32)
        row_of[frequent] = np.arange(len(frequent))
        # Code -1, of contexts that say nothing, takes the last one.
        item_nos, found = _counts(past, row_of[code_of], len(frequent))
        expected = found.sum(axis=1, keepdims=True) * found.sum(axis=0) / max(found.sum(), 1.0)
        lifts = (found + PSEUDO_COUNT) / (expected + PSEUDO_COUNT)
        return cls(item_nos, dict(zip([values[code] for code in frequent], lifts, strict=True)))

    def lift_of(self, item_nos: NDArray[np.integer], value: str | None) -> NDArray[np.float64]:
        """(n,) of items (n,); 1 where nothing is known."""
        lifts = None if value is None else self.by_value.get(value)
        if lifts is None:
            return np.ones(len(item_nos))
        places = np.searchsorted(self.item_nos, item_nos).clip(max=len(self.item_nos) - 1)
        known = self.item_nos[places] == item_nos
        return np.where(known, lifts[places], 1.0)


def _liked(
    past: Interactions, code_of: NDArray[np.int32]
) -> Iterator[tuple[NDArray[np.int32], NDArray[np.int32]]]:
    """Codes and items (m,) of what was liked in contexts with a code, some of it at a time."""
    for part in past.slices():
        log = past.where(part)
        assert log.contexts is not None  # noqa: S101 -- whoever asks has looked
        codes = code_of[log.contexts.context_nos]
        liked = (codes >= 0) & (log.weights() > 0.0)
        yield codes[liked], log.item_nos[liked]


def _counts(
    past: Interactions, row_of: NDArray[np.int32], rows: int
) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """The items (i,) liked in contexts with a row, rising, and how often in each row (rows, i)."""
    listed = np.zeros(int(past.item_nos.max(initial=0)) + 1, dtype=np.bool_)
    for _, liked in _liked(past, row_of):
        listed[liked] = True
    item_nos = np.flatnonzero(listed).astype(np.int32)
    found = np.zeros((rows, len(item_nos)))
    for where, liked in _liked(past, row_of):
        np.add.at(found, (where, np.searchsorted(item_nos, liked)), 1.0)
    return item_nos, found


@dataclass(frozen=True, slots=True)
class ContextRanks:
    """Ranks of what was to be foreseen, with the context and without it."""

    by_name: Mapping[str, NDArray[np.int64]]
    """By name of contexts (m, weights), in the order of `WEIGHTS`."""
    has_value: Mapping[str, NDArray[np.bool_]]
    """(m,) whether the moment's context says something of the name."""


@dataclass(frozen=True, slots=True)
class Foretelling:
    """What one name of contexts is worth."""

    name: str
    moments: int
    """How many say something of it."""
    without: float
    """HR@20 of the list without it, of these moments."""
    gain: float
    """What it adds."""
    margin: float
    """Half the interval of that."""
    weight: float
    """The power of the lift that was chosen, the mean of both choices."""

    @property
    def convincing(self) -> bool:
        """Whether the interval lies above 0."""
        return self.gain > self.margin

    def __str__(self) -> str:
        return (
            f"{self.name} foretells: HR@{DEPTH} {self.without + self.gain:.4f} instead of"
            f" {self.without:.4f} ({self.gain:+.4f} ± {self.margin:.4f}), of {self.moments:,}"
            " interactions that say it."
        )


class ContextRanking:
    """Ranks as of the events of several nights."""

    def __init__(self, log: Interactions, policy: BlendPolicy) -> None:
        """`log`: as the timeline has it, with contexts."""
        self._contexts = log.contexts
        names = [] if log.contexts is None else log.contexts.names()
        self._policy = policy
        self._ranks: dict[str, list[list[int]]] = {name: [] for name in names}
        self._has_value: dict[str, list[bool]] = {name: [] for name in names}

    def add(self, night: FittedNight, events: Sequence[ValidationEvent]) -> None:
        """The events of one night."""
        lifts = {name: Lifts.of(night.past, name) for name in self._ranks}
        for event in events if lifts else ():
            item_nos, scores = blended_as_of(night, event, self._policy)
            for name, of_name in lifts.items():
                value = None if self._contexts is None else self._contexts.value(event.row, name)
                lift = of_name.lift_of(item_nos, value)
                self._has_value[name].append(value is not None)
                self._ranks[name].append(
                    [_rank(event.item_no, item_nos, scores * lift**weight) for weight in WEIGHTS]
                )

    def found(self) -> ContextRanks:
        """Those of all nights so far."""
        return ContextRanks(
            {name: np.array(ranks, dtype=np.int64) for name, ranks in self._ranks.items()},
            {name: np.array(flags, dtype=np.bool_) for name, flags in self._has_value.items()},
        )


def _rank(item_no: int, item_nos: NDArray[np.integer], scores: NDArray[np.float64]) -> int:
    """The rank of an item, counted from 0; `MISSED` if it is not there. Ties by item number."""
    places = np.flatnonzero(item_nos == item_no)
    if not len(places):
        return MISSED
    own = scores[places[0]]
    before = (scores > own) | ((scores == own) & (item_nos < item_no))
    return int(before.sum())


def foretellings(ranks: ContextRanks, user_nos: NDArray[np.integer]) -> list[Foretelling]:
    """What each name is worth, of those that enough moments say something of.

    The weight is chosen on half of the users and judged on the other half, and the other way round,
    so that no user is judged by a weight that was chosen on this user. Users vary, not moments; the
    names share the level between them.
    """
    enough = [name for name, flags in ranks.has_value.items() if flags.sum() >= FEWEST_MOMENTS]
    normal = NormalDist().inv_cdf(1 - (1 - LEVEL) / 2 / max(len(enough), 1))
    return [
        _foretelling(name, ranks.by_name[name][has_value], user_nos[has_value], normal)
        for name in enough
        for has_value in (ranks.has_value[name],)
    ]


def _foretelling(
    name: str, ranks: NDArray[np.int64], user_nos: NDArray[np.integer], normal: float
) -> Foretelling:
    hits = np.column_stack([hits_at(column, DEPTH) for column in ranks.T])
    judged, chosen = np.zeros(len(hits)), []
    halves = np.unique(user_nos, return_inverse=True)[1] % 2
    for half in (0, 1):
        others = hits[halves != half]
        # Of two as good the lower power.
        best = int(np.argmax(others.mean(axis=0))) if len(others) else 0
        judged[halves == half] = hits[halves == half, best]
        chosen.append(WEIGHTS[best])
    gain, error = paired_difference(judged, hits[:, 0], user_nos)
    return Foretelling(
        name, len(hits), float(hits[:, 0].mean()), gain, normal * error, float(np.mean(chosen))
    )


def context_sentence(found: Sequence[Foretelling]) -> str:
    """What is known of the context of a log, in words."""
    if not found:
        return (
            "Too few interactions of this log name a context: whether it foretells anything is not"
            " known."
        )
    convincing = [str(each) for each in found if each.convincing]
    others = [each.name for each in found if not each.convincing]
    if others:
        convincing.append(f"Of the context of this log {_joined(others)} beyond chance.")
    return " ".join(convincing)


def _joined(names: Sequence[str]) -> str:
    what = "foretells" if len(names) == 1 else "foretell"
    *first, last = names
    return f"{', '.join(first)} and {last} {what} nothing" if first else f"{last} {what} nothing"
