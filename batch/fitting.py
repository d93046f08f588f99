"""The fit: alternating least squares on confidences (Hu, Koren and Volinsky 2008)."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from implicit.cpu.als import AlternatingLeastSquares
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from batch.blas import one_blas_thread
from batch.parameters import AlsParameters


@dataclass(frozen=True, slots=True)
class Factors:
    """What a fit learned."""

    users: NDArray[np.float32]
    """(u, f)"""
    items: NDArray[np.float32]
    """(i, f)"""


def fit(
    confidences: csr_matrix,
    parameters: AlsParameters,
    *,
    threads: int = 0,
    on_iteration: Callable[[int], None] = lambda _iteration: None,
) -> Factors:
    """Factorise signed confidences (u, i); the same input gives the same factors.

    `on_iteration` is told how many iterations are done.
    """
    with one_blas_thread():
        als = AlternatingLeastSquares(
            factors=parameters.factors,
            regularization=parameters.regularization,
            iterations=parameters.iterations,
            alpha=1.0,
            random_state=parameters.seed,
            num_threads=threads,
        )
        als.fit(
            confidences,
            show_progress=False,
            callback=lambda done, _seconds, _loss: on_iteration(done + 1),
        )
        # The users are solved last, so that their lists fit the items' final factors.
        als.solver(
            confidences, als.user_factors, als.item_factors, als.regularization, num_threads=threads
        )
    return Factors(als.user_factors, als.item_factors)


def gramian(factors: NDArray[np.floating]) -> NDArray[np.float64]:
    """The sum of the outer products of all rows: Y'Y, (f, f)."""
    wide = factors.astype(np.float64)
    return np.asarray(wide.T @ wide)
