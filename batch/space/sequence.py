"""The sequence part of an item's vector: what follows what in the users' histories.

Counts of items that follow each other, turned into positive pointwise mutual information and
factorised (Levy and Goldberg 2014: this is what word2vec factorises). The counts keep their
direction, so an item has two vectors: a context embedding, for when it stands in a history, and an
item embedding, for when it may come next.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.sparse.linalg import svds

from batch.engines.engine import BatchEngine
from batch.engines.implicit_engine import ONE_MACHINE
from batch.history.interactions import Interactions
from batch.parameters import SpaceParameters

_SMALLEST = 1e-12


@dataclass(frozen=True, slots=True)
class SequenceVectors:
    """Both vectors of each item."""

    context_embeddings: NDArray[np.float32]
    """(i, s) rows of length 1, or 0 for an item that nothing follows."""
    item_embeddings: NDArray[np.float32]
    """(i, s) rows of root mean square length 1: long for what readily follows anything."""

    @property
    def dimensions(self) -> int:
        """How many numbers each has."""
        return int(self.context_embeddings.shape[1])


def sequence_vectors(
    interactions: Interactions,
    item_nos: NDArray[np.int32],
    as_of: np.datetime64,
    parameters: SpaceParameters,
    *,
    engine: BatchEngine = ONE_MACHINE,
) -> SequenceVectors:
    """The vectors of `item_nos` (i,), which rise and hold every item of `interactions`.

    A catalogue of fewer than s + 2 items, or one in which nothing follows anything, has fewer
    dimensions, down to none.
    """
    counts = engine.following_counts(interactions, item_nos, as_of, parameters)
    information = positive_information(counts, parameters.smoothing)
    dimensions = min(parameters.sequence_dimensions, len(item_nos) - 2)
    if dimensions < 1 or not information.nnz:
        nothing = np.empty((len(item_nos), 0), dtype=np.float32)
        return SequenceVectors(nothing, nothing)
    return _factorised(information, dimensions, parameters.seed)


def positive_information(counts: csr_matrix, smoothing: float) -> csr_matrix:
    """Positive pointwise mutual information, contexts smoothed with an exponent; same shape."""
    pairs = counts.tocoo()
    rows = np.asarray(counts.sum(axis=1)).ravel()
    contexts = np.asarray(counts.sum(axis=0)).ravel() ** smoothing
    # pmi = log( P(item | context) / P_smoothed(item) )
    information = np.log(pairs.data * contexts.sum() / (rows[pairs.row] * contexts[pairs.col]))
    kept = information > 0.0
    return csr_matrix((information[kept], (pairs.row[kept], pairs.col[kept])), shape=counts.shape)


def _factorised(information: csr_matrix, dimensions: int, seed: int) -> SequenceVectors:
    """Context U sqrt(S) with rows normalised, item embeddings V sqrt(S) with one scale for all."""
    start = np.random.default_rng(seed).standard_normal(information.shape[0])
    left, values, right = svds(information, k=dimensions, v0=start)
    context_embeddings, item_embeddings = left * np.sqrt(values), right.T * np.sqrt(values)
    lengths = np.linalg.norm(context_embeddings, axis=1, keepdims=True)
    spread = float(np.sqrt((item_embeddings**2).sum(axis=1).mean()))
    return SequenceVectors(
        (context_embeddings / np.maximum(lengths, _SMALLEST)).astype(np.float32),
        (item_embeddings / max(spread, _SMALLEST)).astype(np.float32),
    )
