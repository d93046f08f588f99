"""Choosing how long words count, by a small replay of the held-out future."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from batch.choosing.validation import Validation
from batch.content.cold_items import learn_space_words, space_with_words
from batch.content.words import ItemTerms
from batch.history.matrix import item_degrees
from batch.parameters import LiveWeights, SpaceParameters, WordParameters
from batch.space.composing import ItemSpace, item_space
from batch.space.validation_events import ValidationEvent
from domain.live_vector import WeighedHistory, live_vector_of

CANDIDATES = (0.0, 0.25, 0.5, 1.0, 2.0)
LITTLE_KNOWN = 5
"""Items with at most so many users are what the choice is for."""
MARGIN = 0.995
"""What is foreseen of all items, and of the others, must stay above this share: less is noise."""
_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class Foreseen:
    """Mean gains with one candidate, 1 / log2(rank + 2)."""

    pseudo_count: float
    little_known: float
    others: float
    all: float


@dataclass(frozen=True, slots=True)
class ChosenWords:
    """The choice, and what it rests on."""

    parameters: WordParameters
    figures: tuple[Foreseen, ...]
    """One a candidate, the first of them without words; none: there was too little to foresee."""

    def described(self) -> dict[str, list[dict[str, float]]]:
        """As figures of the run."""
        return {"words_foreseen": [asdict(candidate) for candidate in self.figures]}


def choose_pseudo_count(
    validation: Validation | None,
    terms: ItemTerms,
    *,
    space: SpaceParameters,
    weights: LiveWeights,
    words: WordParameters,
) -> ChosenWords:
    """`words` with the k that foresees little known items best and does the others no harm.

    Without a validation they stay as they are, and so they do where no term can be learned.
    """
    if validation is None:
        return ChosenWords(words, ())
    figures = foresee_with_words(validation, terms, space=space, weights=weights, words=words)
    if not figures:
        return ChosenWords(words, ())
    return ChosenWords(replace(words, pseudo_count=best_of(figures)), tuple(figures))


def best_of(figures: Sequence[Foreseen]) -> float:
    """The best k of those that do no harm; the first figures are those without words."""
    without = figures[0]
    harmless = [
        candidate
        for candidate in figures
        if candidate.others >= MARGIN * without.others and candidate.all >= MARGIN * without.all
    ]
    return max(
        harmless, key=lambda candidate: (candidate.little_known, -candidate.pseudo_count)
    ).pseudo_count


def foresee_with_words(
    validation: Validation,
    terms: ItemTerms,
    *,
    space: SpaceParameters,
    weights: LiveWeights,
    words: WordParameters,
) -> list[Foreseen]:
    """What live vectors foresee of the held-out future with each candidate; [] without a term.

    All are compared on the same validation events.
    """
    fitted, past = item_space(validation.components, space, weights), validation.past
    learned = learn_space_words(fitted, past, terms, words)
    if not learned.words.terms:
        return []
    known = terms.of(past.item_nos)
    asked = _Asked.of(fitted, validation.events)
    little = item_degrees(past)[asked.targets] <= LITTLE_KNOWN
    figures = []
    for pseudo_count in CANDIDATES:
        shrunk_space = space_with_words(
            fitted, past, known, replace(learned, pseudo_count=pseudo_count)
        )
        gains = _gains(shrunk_space, asked)
        figures.append(
            Foreseen(pseudo_count, _mean(gains[little]), _mean(gains[~little]), _mean(gains))
        )
    return figures


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is to be foreseen, the same with every candidate: rows are those of the items."""

    histories: Sequence[WeighedHistory]
    """Of n events."""
    seen: Sequence[NDArray[np.intp]]
    """n times the rows that the user has seen before."""
    targets: NDArray[np.intp]
    """(n,) the row of each event's item."""

    @classmethod
    def of(cls, space: ItemSpace, events: Sequence[ValidationEvent]) -> Self:
        """In a space that has the same items as those with words."""
        items, parameters = space.items, space.space.parameters
        rows = [items.rows_of(event.history.item_nos) for event in events]
        return cls(
            [WeighedHistory.of(parameters, items, event.history) for event in events],
            [seen[seen >= 0] for seen in rows],
            items.rows_of(np.array([event.item_no for event in events])),
        )

    def part(self, events: slice) -> Self:
        """That of some of the events."""
        return replace(
            self,
            histories=self.histories[events],
            seen=self.seen[events],
            targets=self.targets[events],
        )


def _gains(space: ItemSpace, asked: _Asked) -> NDArray[np.float64]:
    """1 / log2(rank + 2) of each event's item among unseen ones; 0 without a live vector."""
    gains = np.zeros(len(asked.targets))
    for start in range(0, len(gains), _AT_ONCE):
        chunk = slice(start, start + _AT_ONCE)
        gains[chunk] = _gains_of_chunk(space, asked.part(chunk))
    return gains


def _gains_of_chunk(space: ItemSpace, asked: _Asked) -> NDArray[np.float64]:
    gains = np.zeros(len(asked.targets))
    vectors = [live_vector_of(space.space, space.items, history) for history in asked.histories]
    with_vector = [index for index, vector in enumerate(vectors) if vector is not None]
    if not with_vector:
        return gains
    scores = np.stack([vector for vector in vectors if vector is not None]) @ space.items.vectors.T
    for row, index in enumerate(with_vector):
        scores[row, asked.seen[index]] = -np.inf
    wanted = scores[np.arange(len(with_vector)), asked.targets[with_vector]][:, None]
    gains[with_vector] = 1.0 / np.log2((scores > wanted).sum(axis=1) + 2.0)
    return gains


def _mean(gains: NDArray[np.float64]) -> float:
    return float(gains.mean()) if len(gains) else 0.0
