"""Items nobody, or hardly anybody, has used yet: their vectors are made of their words.

A words-made vector is as long as those of known items are on the average, so that a new item ranks
beside known ones of equal fit: ridge regression alone would leave it shorter, and never listed.
An item that few have used is between its words and what was observed. One that nobody has used and
whose words the run does not know has the mean embedding: every item of the catalogue has one.
"""

from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from batch.content.calibrated_words import learn_calibrated
from batch.content.mean_embedding import MeanEmbedding, mean_embedding
from batch.content.words import Floats, ItemTerms, WordVectors
from batch.fitting import Factors, gramian
from batch.history.matrix import InteractionMatrix, item_degrees, like_counts
from batch.history.slicing import taken
from batch.parameters import WordParameters
from batch.space.composing import ItemSpace
from domain.cold_items import ColdItemSpace, SimilarityShares, fillers, unit
from domain.live_vector import ItemVectors, LiveSpace

_ROWS_AT_ONCE = 10_000


@dataclass(frozen=True, slots=True)
class SpaceWords:
    """What words say in a run's space, in the columns `[taste | sequence | context]`."""

    words: WordVectors
    item_dimensions: int
    """How many of the columns come before the context embedding."""
    penalty: float
    explained: float
    """Share of the held-out items' vectors that their words foresee, at most 1; NaN: not known."""
    pseudo_count: float
    """Interactions at which words and observation count alike."""
    trend: float
    """The trend of a new item: the mean of the known ones."""
    taste_scale: float
    """The taste scale of a new item: that of the least used one."""
    mean_embedding: MeanEmbedding
    """Where a new item is that words say nothing of."""
    similarity: SimilarityShares

    def to_dict(self) -> dict[str, Any]:
        """As it is stored in the row of the run, for whoever makes items of words later."""
        return {
            "longest": self.words.longest,
            "trend": self.trend,
            "taste_scale": self.taste_scale,
            "penalty": self.penalty,
            "explained": None if np.isnan(self.explained) else self.explained,
            "pseudo_count": self.pseudo_count,
            "terms": len(self.words.terms),
            "similarity": asdict(self.similarity),
            "mean_embedding": self.mean_embedding.to_dict(),
        }


def learn_space_words(
    space: ItemSpace, matrix: InteractionMatrix, terms: ItemTerms, parameters: WordParameters
) -> SpaceWords:
    """Learn from the items of a space; `matrix` has the same items."""
    live = space.space.parameters
    end = live.taste_dimensions + live.sequence_dimensions
    targets = np.hstack([space.items.vectors[:, :end], space.items.context_embeddings])
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
        pseudo_count=parameters.pseudo_count,
        trend=float(space.items.vectors[:, end].mean()) if known else 0.0,
        taste_scale=float(space.items.taste_scales[least_used]) if known else 1.0,
        mean_embedding=mean_embedding(space, like_counts(matrix) > 0),
        similarity=parameters.similarity
        if live.sequence_dimensions
        else parameters.similarity.without_sequence(),
    )


def space_with_words(
    space: ItemSpace, matrix: InteractionMatrix, terms: ItemTerms, learned: SpaceWords
) -> ItemSpace:
    """The space with little known items shrunk to their words, and all new items in `terms`.

    New are those that nobody has liked, too: what was learned of them says nothing. A new item
    without a term the run knows has the mean embedding.
    """
    liked = like_counts(matrix) > 0
    used = replace(space, items=_rows_of(space.items, np.flatnonzero(liked)))
    blended = _blended(used, item_degrees(matrix)[liked], terms, learned)
    item_nos = np.union1d(terms.item_nos, space.items.item_nos)
    new = terms.of(np.setdiff1d(item_nos, used.items.item_nos))
    return replace(blended, items=_joined(blended.items, _made_of_words(blended, new, learned)))


def lists_with_words(
    factors: Factors,
    matrix: InteractionMatrix,
    terms: ItemTerms,
    parameters: WordParameters,
    *,
    sequence_dimensions: int,
) -> tuple[Factors, InteractionMatrix]:
    """The nightly lists' factors with new items at the end, and the matrix with their columns.

    Little known items are shrunk towards their words as in the space. The last
    `sequence_dimensions` of the factors are what comes next. They are of another length than the
    others, and words say more or less of them, so that each part is calibrated by itself.
    """
    degrees = item_degrees(matrix)
    known = terms.of(matrix.item_nos)
    of_fit = factors.items.shape[1] - sequence_dimensions
    widths = (of_fit, sequence_dimensions) if sequence_dimensions else (of_fit,)
    words, _, _ = learn_calibrated(known, factors.items, degrees, widths, parameters)
    items = _all_shrunk(factors.items, words, known, degrees, parameters.pseudo_count)
    new = terms.of(np.setdiff1d(terms.item_nos, matrix.item_nos))
    from_words = words.sums(new)
    has_words = from_words.any(axis=1)
    item_nos = np.concatenate([matrix.item_nos, new.item_nos[has_words]])
    order = np.argsort(item_nos)
    joined = np.vstack([items, from_words[has_words]])[order].astype(np.float32)
    return Factors(factors.users, joined), _widened(matrix, item_nos, order)


def _all_shrunk(
    observed: NDArray[np.float32],
    words: WordVectors,
    known: ItemTerms,
    degrees: Floats,
    pseudo_count: float,
) -> NDArray[np.float32]:
    """Observed rows shrunk to the words of `known`, some at a time: lists have many factors."""
    shrunk = np.empty_like(observed)
    for start in range(0, len(observed), _ROWS_AT_ONCE):
        rows = slice(start, start + _ROWS_AT_ONCE)
        from_words = words.sums(known.of(known.item_nos[rows]))
        shrunk[rows] = _shrunk(observed[rows], from_words, degrees[rows], pseudo_count)
    return shrunk


def _shrunk(
    observed: NDArray[np.float32], from_words: Floats, degrees: Floats, pseudo_count: float
) -> NDArray[np.float32]:
    """Observed rows shrunk towards what their words say; a row whose words say nothing stays."""
    # w_i = k / (k + n_i)
    has_words = from_words.any(axis=1)
    weights = np.where(has_words, pseudo_count / (pseudo_count + degrees), 0.0)[:, None]
    return np.asarray(weights * from_words + (1.0 - weights) * observed, dtype=np.float32)


def _blended(space: ItemSpace, degrees: Floats, terms: ItemTerms, learned: SpaceWords) -> ItemSpace:
    """The known items, each between words and observation; norms made equal again."""
    items, live = space.items, space.space.parameters
    end = live.taste_dimensions + live.sequence_dimensions
    from_words = learned.words.sums(terms.of(items.item_nos))
    from_words[:, end:] = unit(from_words[:, end:])
    observed = np.hstack([items.vectors[:, :end], items.context_embeddings])
    shrunk = _shrunk(observed, from_words, degrees, learned.pseudo_count)
    vectors = np.column_stack([shrunk[:, :end], items.vectors[:, end]]).astype(np.float64)
    norm = float(np.linalg.norm(vectors, axis=1).max(initial=0.0))
    stored = np.column_stack([vectors, fillers(norm, vectors)]).astype(np.float32)
    factors = stored[:, : live.taste_dimensions] / items.taste_scales[:, None]
    rounded = gramian(factors).astype(np.float32).astype(np.float64)
    context_embeddings = unit(shrunk[:, end:]).astype(np.float32)
    return replace(
        space,
        items=replace(items, vectors=stored, context_embeddings=context_embeddings),
        norm=norm,
        space=LiveSpace(live, rounded),
    )


def _made_of_words(space: ItemSpace, new: ItemTerms, learned: SpaceWords) -> ItemVectors:
    """New items as their words make them, or with the mean embedding."""
    live = space.space.parameters
    end = live.taste_dimensions + live.sequence_dimensions
    cold = ColdItemSpace(
        norm=space.norm,
        trend=learned.trend,
        taste_scale=learned.taste_scale,
        mean_embedding=learned.mean_embedding.embedding,
        mean_context=learned.mean_embedding.context_embedding,
    )
    sums = learned.words.sums(new)
    vectors = cold.from_words(sums[:, :end], sums[:, end:], learned.words.known_in(new))
    return cold.item_vectors(new.item_nos, *vectors)


def _joined(first: ItemVectors, other: ItemVectors) -> ItemVectors:
    both = ItemVectors(
        *(
            np.concatenate([getattr(first, column.name), getattr(other, column.name)])
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
    new_columns = np.argsort(order).astype(np.int32)

    def widened(old: csr_matrix) -> csr_matrix:
        # Known items keep their order among each other, so that columns still rise in each row.
        return csr_matrix((old.data, taken(new_columns, old.indices), old.indptr), shape=shape)

    return replace(
        matrix,
        item_nos=item_nos[order],
        weights=widened(matrix.weights),
        seen=widened(matrix.seen),
    )
