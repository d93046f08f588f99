"""Cold items: the embeddings of items that nobody, or hardly anybody, has used yet.

An item that nobody has used lies where its words say. The more users it has, the less its words
count against what these users liked before it. The night and the speed worker call the same
functions; what words say, and who liked what, is theirs to find out.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from domain.live_vector import Floats, ItemVectors

PSEUDO_COUNT = 10.0
"""k: users after whom an item's words count half."""
OBSERVED_GAIN = 2.0
"""g: how far an item is drawn to what its users liked before it."""
_SMALLEST = 1e-12


@dataclass(frozen=True, slots=True)
class SimilarityShares:
    """What counts how much in how similar two items are; the sum is 1."""

    taste: float = 0.35
    """Liked by the same people."""
    context: float = 0.35
    """Followed by the same items."""
    words: float = 0.30
    """Similar in what their words say."""

    def without_sequence(self) -> Self:
        """Of a run without a sequence part: taste has its share too."""
        return replace(self, taste=self.taste + self.context, context=0.0)


@dataclass(frozen=True, slots=True)
class TermVectors:
    """What terms say in a run's space, taste, sequence and context side by side."""

    idf: NDArray[np.float64]
    """(t,)"""
    vectors: NDArray[np.float32]
    """(t, d + s) what a weight of 1 adds."""
    longest: float
    """Texts longer than this count as if they were this long."""

    def sum_of(self, indexes: Sequence[int], weights: Sequence[float]) -> Floats:
        """What a text says (d + s,) that has the terms at `indexes`, each as much as it weighs.

        Added up in the order given: the same words make the same vector, to the last bit.
        """
        chosen = list(indexes)
        given = np.array(weights, dtype=np.float64)
        # The length of a text is the norm of its weights times idf.
        length = float(np.sqrt(np.sum((self.idf[chosen] * given) ** 2)))
        shortened = given * min(1.0, self.longest / max(length, _SMALLEST))
        return np.asarray(np.sum(self.vectors[chosen] * shortened[:, None], axis=0))


@dataclass(frozen=True, slots=True)
class ColdItemSpace:
    """What a run says of items it has not seen in use; d: taste and sequence, s: context."""

    norm: float
    """The norm of every item's vector."""
    trend: float
    taste_scale: float
    mean_embedding: NDArray[np.floating]
    """(d,) where an item is whose words say nothing: the mean of the items in use."""
    mean_context: NDArray[np.floating]
    """(s,)"""

    def from_words(
        self, words: Floats, context_embeddings: Floats, known: NDArray[np.bool_]
    ) -> tuple[Floats, Floats]:
        """The embeddings, (n, d) and (n, s), of unused items from the sums over their terms.

        `known` (n,): whether any term of an item is known.
        """
        is_known = known[:, None]
        return (
            np.where(is_known, self._fitted(words), self.mean_embedding),
            np.where(is_known, unit(context_embeddings), self.mean_context),
        )

    def item_vectors(
        self, item_nos: NDArray[np.int32], embeddings: Floats, context_embeddings: Floats
    ) -> ItemVectors:
        """Items with these embeddings, (n, d) and (n, s), that rank beside those of the run."""
        fitted = self._fitted(embeddings)
        vectors = np.column_stack([fitted, np.full(len(fitted), self.trend)])
        return ItemVectors(
            item_nos=item_nos,
            vectors=np.column_stack([vectors, fillers(self.norm, vectors)]).astype(np.float32),
            context_embeddings=unit(context_embeddings).astype(np.float32),
            taste_scales=np.full(len(fitted), self.taste_scale),
            confidence_scales=np.ones(len(fitted)),
        )

    def _fitted(self, embeddings: Floats) -> Floats:
        """No longer than an item of the run can be."""
        room = np.sqrt(max(self.norm**2 - self.trend**2, 0.0))
        lengths = np.linalg.norm(embeddings, axis=1, keepdims=True)
        return np.asarray(embeddings * np.minimum(1.0, room / np.maximum(lengths, _SMALLEST)))


def shrunk(
    words: Floats,
    observed: NDArray[np.floating],
    counts: NDArray[np.number],
    *,
    popularity_mean: NDArray[np.floating],
    mean_embedding: NDArray[np.floating] | float,
    pseudo_count: float = PSEUDO_COUNT,
) -> Floats:
    """Where items belong (n, d) by their words (n, d) and by what their users liked before them.

    `observed` (n, d) is the mean over `counts` (n,) users. What people use anyway is taken off, as
    a mean would otherwise draw every item to what is popular.
    """
    # v = (k w + n (m + g (o - u))) / (k + n)
    share = (counts / np.maximum(pseudo_count + counts, _SMALLEST))[:, None]
    towards = mean_embedding + OBSERVED_GAIN * (observed - popularity_mean)
    return np.asarray((1.0 - share) * words + share * towards)


def similarity_embeddings(
    items: ItemVectors, taste_dimensions: int, of_words: Floats, shares: SimilarityShares
) -> NDArray[np.float32]:
    """`[taste | context | words]` (n, d + s + d) of items, each part as long as its share allows.

    `of_words` (n, d) is what their words say in the taste and sequence parts. A part that
    nothing is known of is 0, so that the inner product of two items is at most 1.
    """
    taste = items.vectors[:, :taste_dimensions]
    # e_i = [sqrt(t) unit(taste_i) | sqrt(s) unit(context_i) | sqrt(w) unit(words_i)]
    parts = [
        np.sqrt(shares.taste) * unit(taste),
        np.sqrt(shares.context) * unit(items.context_embeddings),
        np.sqrt(shares.words) * unit(of_words),
    ]
    return np.hstack(parts).astype(np.float32)


def fillers(norm: float, vectors: Floats) -> Floats:
    """(n,) what makes vectors (n, d) as long as `norm`."""
    return np.asarray(np.sqrt(np.maximum(norm**2 - np.linalg.norm(vectors, axis=1) ** 2, 0.0)))


def unit(rows: NDArray[np.floating]) -> Floats:
    """Rows (n, d) of length 1; 0 stays 0."""
    wide = rows.astype(np.float64)
    return np.asarray(wide / np.maximum(np.linalg.norm(wide, axis=1, keepdims=True), _SMALLEST))
