"""Items nobody, or hardly anybody, has used yet: their vectors are made of their words.

A words-made vector is as long as those of known items are on the average, so that a new item ranks
beside known ones of equal fit: ridge regression alone would leave it shorter, and never listed.
An item that few have used is between its words and what was observed.
"""

import itertools
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from batch.fitting import Factors, gramian
from batch.matrix import InteractionMatrix, item_degrees
from batch.parameters import WordParameters
from batch.space import ItemSpace
from batch.words import Floats, ItemTerms, WordVectors, learn_term_vectors
from domain.live_vector import ItemVectors, LiveSpace

_HELD_OUT = 0.1
_FEWEST_HELD_OUT = 20
_USUAL_PENALTY = 100.0
_MOST_LENGTHENED = 3.0
"""Words that hardly foresee anything make short vectors; stretched further they were noise."""
_SMALLEST = 1e-12


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

    def told(self) -> dict[str, float | None]:
        """What the row of the run tells of it; SQL makes items of words with it."""
        return {
            "longest": self.words.longest,
            "trend": self.trend,
            "taste_scale": self.taste_scale,
            "penalty": self.penalty,
            "explained": None if np.isnan(self.explained) else self.explained,
            "known_after": self.known_after,
            "terms": len(self.words.terms),
        }


def learn_space_words(
    space: ItemSpace, matrix: InteractionMatrix, terms: ItemTerms, parameters: WordParameters
) -> SpaceWords:
    """Learn from the items of a space; `matrix` has the same items."""
    live = space.space.parameters
    end = live.taste_dimensions + live.sequence_dimensions
    targets = np.hstack([space.items.vectors[:, :end], space.items.sources]).astype(np.float64)
    widths = (live.taste_dimensions, live.sequence_dimensions, live.sequence_dimensions)
    words, penalty, explained = _learned(
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
    )


def space_with_words(
    space: ItemSpace, matrix: InteractionMatrix, terms: ItemTerms, learned: SpaceWords
) -> ItemSpace:
    """The space with little known items drawn to their words, and with all new items in `terms`.

    A new item without a term the run knows gets no vector.
    """
    blended = _blended(space, matrix, terms, learned)
    cold = _made_of_words(blended, terms, learned)
    item_nos = np.concatenate([blended.items.item_nos, cold.item_nos])
    order = np.argsort(item_nos)
    columns = ("vectors", "sources", "taste_scales", "confidence_scales")
    joined = {
        name: np.concatenate([getattr(blended.items, name), getattr(cold, name)])[order]
        for name in columns
    }
    return replace(blended, items=ItemVectors(item_nos[order], **joined))


def lists_with_words(
    factors: Factors, matrix: InteractionMatrix, terms: ItemTerms, parameters: WordParameters
) -> tuple[Factors, InteractionMatrix]:
    """The nightly lists' factors with new items at the end, and the matrix with their columns.

    Little known items are drawn to their words as in the space.
    """
    degrees = item_degrees(matrix)
    known = terms.of(matrix.item_nos)
    widths = (factors.items.shape[1],)
    words, _, _ = _learned(known, factors.items.astype(np.float64), degrees, widths, parameters)
    items = _drawn(factors.items, words.sums(known), degrees, parameters.known_after)
    new = terms.of(np.setdiff1d(terms.item_nos, matrix.item_nos))
    said = words.sums(new)
    telling = said.any(axis=1)
    item_nos = np.concatenate([matrix.item_nos, new.item_nos[telling]])
    order = np.argsort(item_nos)
    joined = np.vstack([items, said[telling]])[order].astype(np.float32)
    return Factors(factors.users, joined), _widened(matrix, item_nos, order)


def _learned(
    items: ItemTerms,
    targets: Floats,
    degrees: Floats,
    widths: tuple[int, ...],
    parameters: WordParameters,
) -> tuple[WordVectors, float, float]:
    """Term vectors calibrated part by part, their penalty, and the share they explain.

    Penalty and calibration are judged on a tenth of the items that nothing was learned from.
    """
    random = np.random.default_rng(parameters.seed)
    held_out = random.random(len(items.item_nos)) < _HELD_OUT
    if held_out.sum() < _FEWEST_HELD_OUT:
        fit = learn_term_vectors(items, targets, degrees, parameters, penalty=_USUAL_PENALTY)
        return fit, _USUAL_PENALTY, float("nan")
    rest, asked = items.of(items.item_nos[~held_out]), items.of(items.item_nos[held_out])
    counted = np.minimum(degrees[held_out], parameters.most_interactions)[:, None]
    best = (float("inf"), _USUAL_PENALTY, np.zeros_like(targets[held_out]))
    for penalty in parameters.penalties:
        fit = learn_term_vectors(
            rest, targets[~held_out], degrees[~held_out], parameters, penalty=penalty
        )
        said = fit.sums(asked)
        error = float((counted * (said - targets[held_out]) ** 2).sum())
        if error < best[0]:
            best = (error, penalty, said)
    error, penalty, said = best
    whole = float((counted * targets[held_out] ** 2).sum())
    words = learn_term_vectors(items, targets, degrees, parameters, penalty=penalty)
    scales = _lengthening(said, targets[held_out], widths)
    return words.scaled(scales), penalty, 1.0 - error / max(whole, _SMALLEST)


def _lengthening(said: Floats, observed: Floats, widths: tuple[int, ...]) -> Floats:
    """By what each part of words-made vectors falls short of the observed ones, (d,)."""
    scales = []
    for start, end in itertools.pairwise(itertools.accumulate(widths, initial=0)):
        made = float((said[:, start:end] ** 2).sum())
        wanted = float((observed[:, start:end] ** 2).sum())
        scale = np.sqrt(wanted / made) if made > 0.0 else 1.0
        scales.append(np.full(end - start, min(scale, _MOST_LENGTHENED)))
    return np.concatenate(scales)


def _drawn(
    observed: NDArray[np.float32], said: Floats, degrees: Floats, known_after: float
) -> NDArray[np.float32]:
    """Observed rows drawn to what their words say; a row whose words say nothing stays."""
    # w_i = k / (k + n_i)
    weights = np.where(said.any(axis=1), known_after / (known_after + degrees), 0.0)[:, None]
    return np.asarray(weights * said + (1.0 - weights) * observed, dtype=np.float32)


def _blended(
    space: ItemSpace, matrix: InteractionMatrix, terms: ItemTerms, learned: SpaceWords
) -> ItemSpace:
    """The known items, each between words and observation; norms made equal again."""
    items, live = space.items, space.space.parameters
    end = live.taste_dimensions + live.sequence_dimensions
    said = learned.words.sums(terms.of(items.item_nos))
    said[:, end:] = _unit(said[:, end:])
    observed = np.hstack([items.vectors[:, :end], items.sources])
    drawn = _drawn(observed, said, item_degrees(matrix), learned.known_after)
    vectors = np.column_stack([drawn[:, :end], items.vectors[:, end]]).astype(np.float64)
    norms = np.linalg.norm(vectors, axis=1)
    norm = float(norms.max(initial=0.0))
    stored = np.column_stack([vectors, _fillers(norm, norms)]).astype(np.float32)
    factors = stored[:, : live.taste_dimensions] / items.taste_scales[:, None]
    rounded = gramian(factors).astype(np.float32).astype(np.float64)
    sources = _unit(drawn[:, end:].astype(np.float64)).astype(np.float32)
    return ItemSpace(
        replace(items, vectors=stored, sources=sources), norm, LiveSpace(live, rounded)
    )


def _made_of_words(space: ItemSpace, terms: ItemTerms, learned: SpaceWords) -> ItemVectors:
    """The items of `terms` that the space lacks, as `item_made_of_words` in the store has them."""
    live = space.space.parameters
    end = live.taste_dimensions + live.sequence_dimensions
    new = terms.of(np.setdiff1d(terms.item_nos, space.items.item_nos))
    said = learned.words.sums(new)
    telling = said.any(axis=1)
    said = said[telling]
    room = np.sqrt(max(space.norm**2 - learned.trend**2, 0.0))
    lengths = np.linalg.norm(said[:, :end], axis=1)
    fitted = said[:, :end] * np.minimum(1.0, room / np.maximum(lengths, _SMALLEST))[:, None]
    vectors = np.column_stack([fitted, np.full(len(said), learned.trend)])
    fillers = _fillers(space.norm, np.linalg.norm(vectors, axis=1))
    return ItemVectors(
        item_nos=new.item_nos[telling],
        vectors=np.column_stack([vectors, fillers]).astype(np.float32),
        sources=_unit(said[:, end:]).astype(np.float32),
        taste_scales=np.full(len(said), learned.taste_scale),
        confidence_scales=np.ones(len(said)),
    )


def _fillers(norm: float, norms: Floats) -> Floats:
    return np.sqrt(np.maximum(norm**2 - norms**2, 0.0))


def _unit(rows: Floats) -> Floats:
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), _SMALLEST))


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
