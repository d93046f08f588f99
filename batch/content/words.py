"""Words in the item space: a vector for each term, learned from the items that are known.

Ridge regression from the items' weighted terms (TF-IDF) onto their vectors, each item counting as
much as it is known. What a text says in the space is then a sum over its terms, which SQL can
compute: `sums_of_words` in the store adds up exactly what `WordVectors.sums` does here.
"""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, diags_array

from batch.parameters import WordParameters

Floats = NDArray[np.float64]

_COLUMNS_AT_ONCE = 128
_MOST_ROUNDS = 200
_TOLERANCE = 1e-7
_SMALLEST = 1e-12


@dataclass(frozen=True, slots=True)
class ItemTerms:
    """The terms of items, as the store has them."""

    item_nos: NDArray[np.int32]
    """(n,) rising."""
    terms: tuple[str, ...]
    weights: csr_matrix
    """(n, t) how much each item's text says each term; 0 where it does not."""

    def of(self, item_nos: NDArray[np.int32]) -> Self:
        """Those of `item_nos` (m,), in that order; an item without terms has an empty row."""
        empty = len(self.item_nos)
        indexes = np.searchsorted(self.item_nos, item_nos).clip(max=max(empty - 1, 0))
        found = self.item_nos[indexes] == item_nos if empty else np.zeros(len(item_nos), np.bool_)
        chosen = csr_matrix(
            (np.ones(int(found.sum())), (np.flatnonzero(found), indexes[found])),
            shape=(len(item_nos), empty),
        )
        return replace(self, item_nos=item_nos, weights=csr_matrix(chosen @ self.weights))

    def only(self, columns: NDArray[np.integer]) -> Self:
        """With the terms at `columns` alone."""
        terms = tuple(self.terms[column] for column in columns.tolist())
        return replace(self, terms=terms, weights=csr_matrix(self.weights[:, columns]))


@dataclass(frozen=True, slots=True)
class WordVectors:
    """What terms say in a space."""

    terms: tuple[str, ...]
    idf: NDArray[np.float32]
    """(t,) log(items / items with the term)."""
    longest: float
    """Texts longer than this count as if they were this long; the length of a text is the norm of
    its weights times idf."""
    vectors: NDArray[np.float32]
    """(t, d) what a weight of 1 adds, idf included."""

    def sums(self, items: ItemTerms) -> Floats:
        """What the words of items say, (n, d); 0 for an item without a known term."""
        weights = _columns(items, self.terms)
        lengths = _lengths(csr_matrix(weights @ diags_array(self.idf.astype(np.float64))))
        shortened = np.minimum(1.0, self.longest / np.maximum(lengths, _SMALLEST))
        return np.asarray((weights @ self.vectors.astype(np.float64)) * shortened[:, None])

    def known_in(self, items: ItemTerms) -> NDArray[np.bool_]:
        """Whether any term of an item is known, (n,)."""
        return np.asarray(np.diff(_columns(items, self.terms).indptr) > 0)

    def scaled(self, scales: Floats) -> Self:
        """With each dimension multiplied by its scale, (d,)."""
        return replace(self, vectors=(self.vectors * scales).astype(np.float32))


def learn_term_vectors(
    items: ItemTerms,
    vectors: NDArray[np.floating],
    interactions: NDArray[np.floating],
    parameters: WordParameters,
    *,
    penalty: float,
) -> WordVectors:
    """Vectors for the terms of known items.

    `vectors` (n, d) and `interactions` (n,) belong to the rows of `items`. `penalty` is relative to
    the mean squared length of a text.
    """
    chosen = items.only(_learnable(items, parameters))
    idf = _idf(chosen)
    weighted = csr_matrix(chosen.weights @ diags_array(idf))
    lengths = _lengths(weighted)
    longest = float(np.quantile(lengths, parameters.longest_quantile)) if len(lengths) else 0.0
    shortened = np.minimum(1.0, longest / np.maximum(lengths, _SMALLEST))
    weighted = csr_matrix(diags_array(shortened) @ weighted)
    mean_square = float((weighted.data**2).sum()) / max(len(lengths), 1)
    solved = ridge(
        weighted,
        vectors,
        np.minimum(interactions, parameters.most_interactions).astype(np.float64),
        penalty * max(mean_square, _SMALLEST),
    )
    # What is stored takes a plain weight: v_t = idf_t * b_t
    return WordVectors(
        chosen.terms, idf.astype(np.float32), longest, (solved * idf[:, None]).astype(np.float32)
    )


def text_vectors(items: ItemTerms, known: ItemTerms) -> csr_matrix:
    """Texts as TF-IDF vectors of length 1, (n, t), by the frequencies among `known` items."""
    weighted = csr_matrix(items.weights @ diags_array(_idf(known)))
    return csr_matrix(diags_array(1.0 / np.maximum(_lengths(weighted), _SMALLEST)) @ weighted)


def ridge(
    features: csr_matrix, targets: NDArray[np.floating], weights: Floats, penalty: float
) -> Floats:
    """The B (t, d) that minimises `sum_i w_i |x_i B - y_i|^2 + penalty |B|^2`.

    By conjugate gradients on the normal equations, all dimensions of a block at once, divided by
    their diagonal first: rare and frequent terms differ by orders of magnitude.
    """
    weighed = csr_matrix(diags_array(weights) @ features)
    diagonal: Floats = np.asarray(features.multiply(weighed).sum(axis=0), dtype=np.float64).ravel()
    diagonal += penalty
    transposed = csr_matrix(features.T)
    weighed_transposed = csr_matrix(weighed.T)
    solved = np.empty((features.shape[1], targets.shape[1]))
    for start in range(0, targets.shape[1], _COLUMNS_AT_ONCE):
        block = slice(start, start + _COLUMNS_AT_ONCE)
        right = np.asarray(weighed_transposed @ targets[:, block].astype(np.float64))
        solved[:, block] = _conjugate_gradients(weighed, transposed, right, diagonal, penalty)
    return solved


def _conjugate_gradients(
    weighed: csr_matrix, transposed: csr_matrix, right: Floats, diagonal: Floats, penalty: float
) -> Floats:
    """Solve `(X'WX + penalty I) B = right` for each column of `right` (t, d)."""
    solution = np.zeros_like(right)
    residual = right.copy()
    conditioned = residual / diagonal[:, None]
    direction = conditioned.copy()
    size = (residual * conditioned).sum(axis=0)
    enough = _TOLERANCE**2 * np.maximum(size, _SMALLEST)
    for _ in range(_MOST_ROUNDS):
        if (size <= enough).all():
            break
        applied = transposed @ (weighed @ direction) + penalty * direction
        step = size / np.maximum((direction * applied).sum(axis=0), _SMALLEST**2)
        solution += step * direction
        residual -= step * applied
        conditioned = residual / diagonal[:, None]
        before, size = size, (residual * conditioned).sum(axis=0)
        direction = conditioned + (size / np.maximum(before, _SMALLEST**2)) * direction
    return solution


def _learnable(items: ItemTerms, parameters: WordParameters) -> NDArray[np.intp]:
    """Columns of terms that enough items have, the most frequent ones if there are too many."""
    frequencies = np.bincount(items.weights.indices, minlength=len(items.terms))
    frequent = np.flatnonzero(frequencies >= parameters.fewest_items)
    if len(frequent) > parameters.most_terms:
        order = np.argsort(-frequencies[frequent], kind="stable")
        frequent = np.sort(frequent[order[: parameters.most_terms]])
    return frequent


def _idf(items: ItemTerms) -> Floats:
    # idf_t = log((1 + n) / n_t)
    frequencies = np.bincount(items.weights.indices, minlength=len(items.terms))
    return np.asarray(np.log((1.0 + items.weights.shape[0]) / np.maximum(frequencies, 1)))


def _lengths(weighted: csr_matrix) -> Floats:
    squares = np.asarray(weighted.multiply(weighted).sum(axis=1), dtype=np.float64)
    return np.asarray(np.sqrt(squares.ravel()))


def _columns(items: ItemTerms, terms: tuple[str, ...]) -> csr_matrix:
    """The weights of `terms`, (n, len(terms)); a term that no item has is a column of zeros."""
    if items.terms == terms:
        return items.weights
    index = {term: column for column, term in enumerate(items.terms)}
    pairs = [(index[term], column) for column, term in enumerate(terms) if term in index]
    rows, columns = (
        (np.array(column, dtype=np.intp) for column in zip(*pairs, strict=True))
        if pairs
        else (np.empty(0, np.intp),) * 2
    )
    chosen = csr_matrix((np.ones(len(rows)), (rows, columns)), shape=(len(items.terms), len(terms)))
    return csr_matrix(items.weights @ chosen)
