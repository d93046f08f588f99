"""What a night asks of whatever computes its heavy parts."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from batch.fitting import Factors
from batch.history.interactions import Interactions
from batch.history.row_blocks import RowBlocks
from batch.parameters import AlsParameters, SpaceParameters

# `topk` of implicit scores what it must leave out with the lowest number there is.
LEFT_OUT = np.float32(-3e38)
"""An item whose score is not above this one is none of a user's best."""

BestItems = tuple[NDArray[np.integer], NDArray[np.float32]]
"""Of n users the columns of their best items, (n, k), and the scores, falling."""


class BatchEngine(Protocol):
    """Computes what grows with users times factors, or with interactions.

    The same question has the same answer, but for rounding from one engine to another.
    """

    @property
    def name(self) -> str:
        """As `TANDEM_BATCH_ENGINE` calls it."""

    @property
    def folder(self) -> Path | None:
        """Where the night puts what it need not hold; None: among the system's temporary files."""

    def fit(
        self,
        confidences: csr_matrix,
        parameters: AlsParameters,
        *,
        on_iteration: Callable[[int], None] = lambda _iteration: None,
    ) -> Factors:
        """Factorise signed confidences (u, i) as `batch.fitting.fit` does."""

    def best_items(
        self,
        factors: Factors,
        seen: csr_matrix,
        chunks: Sequence[NDArray[np.integer]],
        *,
        length: int,
        left_out: NDArray[np.integer],
    ) -> Iterator[BestItems]:
        """The `length` best columns of the users in each of `chunks` of rows, in that order.

        Without what `seen` (u, i) marks for a user, and the columns `left_out` for all of them.
        """

    def following_counts(
        self,
        interactions: Interactions,
        item_nos: NDArray[np.int32],
        as_of: np.datetime64,
        parameters: SpaceParameters,
    ) -> RowBlocks:
        """What follows what, (i, i), as `batch.history.following.following_counts` counts it."""
