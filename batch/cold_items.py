"""Items nobody, or hardly anybody, has used yet: their vectors are made of their words.

A words-made vector is as long as those of known items are on the average, so that a new item ranks
beside known ones of equal fit: ridge regression alone would leave it shorter, and never listed.
An item that few have used is between its words and what was observed. One that nobody has used and
whose words nobody knows stands amid all others: every item of the catalogue has a place.
"""

from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from batch.calibrated_words import learn_calibrated
from batch.fitting import Factors, gramian
from batch.matrix import InteractionMatrix, item_degrees, item_likers
from batch.neutral import NeutralPlace, neutral_place
from batch.parameters import WordParameters
from batch.space import ItemSpace
from batch.words import Floats, ItemTerms, WordVectors
from domain.cold_items import ColdItemSpace, LikenessShares, fillers, unit
from domain.live_vector import ItemVectors, LiveSpace

_ROWS_AT_ONCE = 10_000


@dataclass(frozen=True, slots=True)
class SpaceWords:
    """What words say in a run's space, in the columns `[taste | sequence | source]`."""

    words: WordVectors
    item_dimensions: int
    """How many of the columns come before the source."""
    penalty: float
    explained: float
    """Share of the held-out items' vectors that their words foresee, at most 1; NaN: not known."""
    known_after: float
    """Interactions at which words and observation count alike."""
    trend: float
    """The trend of a new item: the mean of the known ones."""
    taste_scale: float
    """The taste scale of a new item: that of the least used one."""
    neutral: NeutralPlace
    """Where a new item is that words say nothing of."""
    likeness: LikenessShares

    def told(self) -> dict[str, Any]:
        """What the row of the run tells of it, for whoever makes items of words later."""
        return {
            "longest": self.words.longest,
            "trend": self.trend,
            "taste_scale": self.taste_scale,
            "penalty": self.penalty,
            "explained": None if np.isnan(self.explained) else self.explained,
            "known_after": self.known_after,
            "terms": len(self.words.terms),
            "likeness": asdict(self.likeness),
            "neutral": self.neutral.told(),
        }


def learn_space_words(
    space: ItemSpace, matrix: InteractionMatrix, terms: ItemTerms, parameters: WordParameters
) -> SpaceWords:
    """Learn from the items of a space; `matrix` has the same items."""
    live = space.space.parameters
    end = live.taste_dimensions + live.sequence_dimensions
    targets = np.hstack([space.items.vectors[:, :end], space.items.sources])
    widths = (live.taste_dimensions, live.sequence_dimensions, live.sequence_dimensions)
    words, penalty, explained = learn_calibrated(
        terms.of(space.items.item_nos), targets, item_degrees(matrix), widths, parameters
    )
    known = len(space.items.item_nos)
    least_used = int(item_degrees(matrix).argmin()) if known else 0
    return SpaceWords(
        words,
        item_dimensions=end,
        penalty=penalty,
        explained=explained,
        known_after=parameters.known_after,
        trend=float(space.items.vectors[:, end].mean()) if known else 0.0,
        taste_scale=float(space.items.taste_scales[least_used]) if known else 1.0,
        neutral=neutral_place(space, item_likers(matrix) > 0),
        likeness=parameters.likeness
        if live.sequence_dimensions
        else parameters.likeness.without_sequence(),
    )


def space_with_words(
    space: ItemSpace, matrix: InteractionMatrix, terms: ItemTerms, learned: SpaceWords
) -> ItemSpace:
    """The space with little known items drawn to their words, and with all new items in `terms`.

    New are those that nobody has liked, too: what was learned of them says nothing. A new item
    without a term the run knows is in the neutral place.
    """
    liked = item_likers(matrix) > 0
    used = replace(space, items=_rows_of(space.items, np.flatnonzero(liked)))
    blended = _blended(used, item_degrees(matrix)[liked], terms, learned)
    item_nos = np.union1d(terms.item_nos, space.items.item_nos)
    new = terms.of(np.setdiff1d(item_nos, used.items.item_nos))
    return replace(blended, items=_joined(blended.items, _made_of_words(blended, new, learned)))


def lists_with_words(
    factors: Factors, matrix: InteractionMatrix, terms: ItemTerms, parameters: WordParameters
) -> tuple[Factors, InteractionMatrix]:
    """The nightly lists' factors with new items at the end, and the matrix with their columns.

    Little known items are drawn to their words as in the space.
    """
    degrees = item_degrees(matrix)
    known = terms.of(matrix.item_nos)
    widths = (factors.items.shape[1],)
    words, _, _ = learn_calibrated(known, factors.items, degrees, widths, parameters)
    items = _all_drawn(factors.items, words, known, degrees, parameters.known_after)
    new = terms.of(np.setdiff1d(terms.item_nos, matrix.item_nos))
    said = words.sums(new)
    telling = said.any(axis=1)
    item_nos = np.concatenate([matrix.item_nos, new.item_nos[telling]])
    order = np.argsort(item_nos)
    joined = np.vstack([items, said[telling]])[order].astype(np.float32)
    return Factors(factors.users, joined), _widened(matrix, item_nos, order)


def _all_drawn(
    observed: NDArray[np.float32],
    words: WordVectors,
    known: ItemTerms,
    degrees: Floats,
    known_after: float,
) -> NDArray[np.float32]:
    """Observed rows drawn to the words of `known`, some at a time: lists have many factors."""
    drawn = np.empty_like(observed)
    for start in range(0, len(observed), _ROWS_AT_ONCE):
        rows = slice(start, start + _ROWS_AT_ONCE)
        said = words.sums(known.of(known.item_nos[rows]))
        drawn[rows] = _drawn(observed[rows], said, degrees[rows], known_after)
    return drawn


def _drawn(
    observed: NDArray[np.float32], said: Floats, degrees: Floats, known_after: float
) -> NDArray[np.float32]:
    """Observed rows drawn to what their words say; a row whose words say nothing stays."""
    # w_i = k / (k + n_i)
    weights = np.where(said.any(axis=1), known_after / (known_after + degrees), 0.0)[:, None]
    return np.asarray(weights * said + (1.0 - weights) * observed, dtype=np.float32)


def _blended(space: ItemSpace, degrees: Floats, terms: ItemTerms, learned: SpaceWords) -> ItemSpace:
    """The known items, each between words and observation; norms made equal again."""
    items, live = space.items, space.space.parameters
    end = live.taste_dimensions + live.sequence_dimensions
    said = learned.words.sums(terms.of(items.item_nos))
    said[:, end:] = unit(said[:, end:])
    observed = np.hstack([items.vectors[:, :end], items.sources])
    drawn = _drawn(observed, said, degrees, learned.known_after)
    vectors = np.column_stack([drawn[:, :end], items.vectors[:, end]]).astype(np.float64)
    norm = float(np.linalg.norm(vectors, axis=1).max(initial=0.0))
    stored = np.column_stack([vectors, fillers(norm, vectors)]).astype(np.float32)
    factors = stored[:, : live.taste_dimensions] / items.taste_scales[:, None]
    rounded = gramian(factors).astype(np.float32).astype(np.float64)
    sources = unit(drawn[:, end:]).astype(np.float32)
    return ItemSpace(
        replace(items, vectors=stored, sources=sources), norm, LiveSpace(live, rounded)
    )


def _made_of_words(space: ItemSpace, new: ItemTerms, learned: SpaceWords) -> ItemVectors:
    """New items as their words make them, or in the neutral place."""
    live = space.space.parameters
    end = live.taste_dimensions + live.sequence_dimensions
    cold = ColdItemSpace(
        norm=space.norm,
        trend=learned.trend,
        taste_scale=learned.taste_scale,
        neutral=learned.neutral.embedding,
        neutral_source=learned.neutral.source,
    )
    sums = learned.words.sums(new)
    said = cold.said(sums[:, :end], sums[:, end:], learned.words.known_in(new))
    return cold.item_vectors(new.item_nos, *said)


def _joined(one: ItemVectors, other: ItemVectors) -> ItemVectors:
    both = ItemVectors(
        *(
            np.concatenate([getattr(one, column.name), getattr(other, column.name)])
            for column in fields(ItemVectors)
        )
    )
    return _rows_of(both, np.argsort(both.item_nos))


def _rows_of(items: ItemVectors, rows: NDArray[np.intp]) -> ItemVectors:
    return ItemVectors(*(getattr(items, column.name)[rows] for column in fields(ItemVectors)))


def _widened(
    matrix: InteractionMatrix, item_nos: NDArray[np.int32], order: NDArray[np.intp]
) -> InteractionMatrix:
    """The matrix with empty columns for the items behind its own, then with columns in `order`."""
    shape = (len(matrix.user_nos), len(item_nos))

    def widened(old: csr_matrix) -> csr_matrix:
        return csr_matrix(csr_matrix((old.data, old.indices, old.indptr), shape=shape)[:, order])

    return replace(
        matrix,
        item_nos=item_nos[order],
        strengths=widened(matrix.strengths),
        seen=widened(matrix.seen),
    )
