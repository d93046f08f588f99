"""The engine of one machine: `implicit` with as many threads as it is given."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from implicit.cpu.topk import topk
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from batch.blas import one_blas_thread
from batch.engines.engine import BestItems
from batch.fitting import Factors, fit
from batch.history.following import following_counts
from batch.history.interactions import Interactions
from batch.history.row_blocks import RowBlocks
from batch.parameters import AlsParameters, SpaceParameters


@dataclass(frozen=True, slots=True)
class ImplicitEngine:
    """A `batch.engines.engine.BatchEngine`."""

    threads: int = 0
    """0: as many as there are cores."""
    folder: Path | None = None
    name: str = "implicit"

    def fit(
        self,
        confidences: csr_matrix,
        parameters: AlsParameters,
        *,
        on_iteration: Callable[[int], None] = lambda _iteration: None,
    ) -> Factors:
        """Factorise in the memory of this process."""
        return fit(confidences, parameters, threads=self.threads, on_iteration=on_iteration)

    def best_items(
        self,
        factors: Factors,
        seen: csr_matrix,
        chunks: Sequence[NDArray[np.integer]],
        *,
        length: int,
        left_out: NDArray[np.integer],
    ) -> Iterator[BestItems]:
        """One chunk after the other; memory is that of a chunk."""
        for rows in chunks:
            yield best_items(
                factors.users[rows],
                factors.items,
                seen[rows],
                length=length,
                left_out=left_out,
                threads=self.threads,
            )

    def following_counts(
        self,
        interactions: Interactions,
        item_nos: NDArray[np.int32],
        as_of: np.datetime64,
        parameters: SpaceParameters,
    ) -> RowBlocks:
        """Count all histories, one part after the other."""
        return following_counts(interactions, item_nos, as_of, parameters, folder=self.folder)


def best_items(
    users: NDArray[np.float32],
    items: NDArray[np.float32],
    seen: csr_matrix,
    *,
    length: int,
    left_out: NDArray[np.integer],
    threads: int,
) -> BestItems:
    """The best of the rows of `items` (i, f) for each of `users` (n, f); `seen` is (n, i)."""
    with one_blas_thread():
        columns, scores = topk(
            items,
            users,
            min(length, len(items)),
            filter_query_items=seen,
            filter_items=left_out if len(left_out) else None,
            num_threads=threads,
        )
    return columns, scores


ONE_MACHINE = ImplicitEngine()
"""All cores of this machine."""
