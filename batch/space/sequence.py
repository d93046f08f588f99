"""The sequence part of an item's vector: what follows what in the users' histories.

Counts of items that follow each other, turned into positive pointwise mutual information and
factorised (Levy and Goldberg 2014: this is what word2vec factorises). The counts keep their
direction, so an item has two vectors: a context embedding, for when it stands in a history, and an
item embedding, for when it may come next.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, identity, vstack

from batch.engines.engine import BatchEngine
from batch.engines.implicit_engine import ONE_MACHINE
from batch.history.interactions import Interactions
from batch.history.row_blocks import BlockStore, RowBlocks
from batch.history.sparse_parts import rows_of, without
from batch.parameters import SpaceParameters
from batch.space.singular_vectors import singular_vectors

_SMALLEST = 1e-4
"""A context embedding that is shorter, as a share of the greatest, is rounding: it says nothing."""
_HELD_BYTES = 1 << 30


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
    information = _Products(len(item_nos), BlockStore(engine.folder, _HELD_BYTES))
    for block in positive_information(counts, parameters.smoothing):
        information.append(block)
    del counts
    dimensions = min(parameters.sequence_dimensions, len(item_nos) - 2)
    if dimensions < 1 or not information.cells:
        nothing = np.empty((len(item_nos), 0), dtype=np.float32)
        return SequenceVectors(nothing, nothing)
    return _factorised(information, dimensions, parameters.seed)


def positive_information(counts: RowBlocks, smoothing: float) -> Iterator[csr_matrix]:
    """Positive pointwise mutual information, contexts smoothed with an exponent, by the blocks.

    It takes the counts block by block: nothing is left of them.
    """
    sums = np.zeros(counts.columns)
    for block in counts:
        # One count after the other, so that sums are rounded alike in blocks of any size.
        np.add.at(sums, block.indices, block.data)
    contexts = sums**smoothing
    for block in counts.emptied():
        rows = np.asarray(block.sum(axis=1)).ravel()
        # pmi = log( P(item | context) / P_smoothed(item) )
        expected = np.repeat(rows, np.diff(block.indptr)) * contexts[block.indices]
        information = np.log(block.data * contexts.sum() / expected)
        pairs = csr_matrix((information, block.indices, block.indptr), shape=block.shape)
        yield without(pairs, information <= 0.0)


class _Products:
    """A square matrix in blocks of rows, of which singular vectors need the products alone.

    Each product is rounded as that of the whole matrix, whatever the blocks are.
    """

    def __init__(self, items: int, store: BlockStore) -> None:
        self.shape = (items, items)
        self.cells = 0
        self._continued = RowBlocks(items, store)
        self._identity = identity(items, dtype=np.float32)

    def append(self, block: csr_matrix) -> None:
        """Add rows at the end."""
        # Below an identity: a sum over the rows of the block then goes on from one over those
        # before it, number by number.
        rows = block.astype(np.float32)
        self._continued.append(csr_matrix(vstack([self._identity, rows], format="csr")))
        self.cells += int(block.nnz)

    def times(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """(i, k) of vectors (i, k)."""
        found = np.empty_like(vectors)
        items, end = self.shape[0], 0
        for block in self._continued:
            own = rows_of(block, slice(items, block.shape[0]), slice(items, block.nnz))
            first, end = end, end + own.shape[0]
            found[first:end] = own @ vectors
        return found

    def transposed_times(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """(i, k) of vectors (i, k)."""
        found = np.zeros_like(vectors)
        items, end = self.shape[0], 0
        for block in self._continued:
            first, end = end, end + block.shape[0] - items
            found = block.T @ np.concatenate([found, vectors[first:end]])
        return found


def _factorised(information: _Products, dimensions: int, seed: int) -> SequenceVectors:
    """Context U sqrt(S) with rows normalised, item embeddings V sqrt(S) with one scale for all."""
    left, values, right = singular_vectors(information, dimensions, seed)
    context_embeddings, item_embeddings = left * np.sqrt(values), right * np.sqrt(values)
    lengths = np.linalg.norm(context_embeddings, axis=1, keepdims=True)
    has_length = lengths > _SMALLEST * lengths.max()
    spread = np.sqrt((item_embeddings**2).sum(axis=1, dtype=np.float64).mean())
    return SequenceVectors(
        np.divide(
            context_embeddings, lengths, where=has_length, out=np.zeros_like(context_embeddings)
        ),
        (item_embeddings / spread).astype(np.float32),
    )
