"""The greatest singular values of a large sparse matrix and their vectors, by block Lanczos.

A basis of Krylov vectors of A'A grows by a block at a time. Once it is full, the best of it (Ritz
vectors) are kept and it grows from there (thick restart, Wu and Simon 2000). Each product is one of
a whole block, which reads the matrix once for all of them: of as many products each takes a tenth
of the time of one vector's.
"""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

_BLOCK = 16
_TOLERANCE = 1e-3
"""A vector has converged if A'A v is off by no more than this share of its eigenvalue."""
_SMALLEST = 1e-3
"""Of eigenvalues below this share of the greatest, by this share of that: the rest is rounding."""
_MOST_TURNS = 4
_RIGHT_ANGLE = 0.9
"""A direction that keeps so much of its length was at right angles already, but for rounding."""
_ROUNDING = 3e-4
"""A singular value below this share of the greatest is none."""
_MOST_BLOCKS = 500
"""Then the vectors are taken as they are."""

Floats = NDArray[np.float32]
Singular = tuple[Floats, Floats, Floats]
"""U (n, k), s (k,) falling, V (m, k); where s is 0, so is U."""


class Products(Protocol):
    """A matrix (n, m) that is known by its products."""

    @property
    def shape(self) -> tuple[int, int]:
        """(n, m)."""

    def times(self, vectors: Floats) -> Floats:
        """A X (n, k) of X (m, k)."""

    def transposed_times(self, vectors: Floats) -> Floats:
        """A'X (m, k) of X (n, k)."""


def singular_vectors(matrix: Products, count: int, seed: int) -> Singular:
    """The `count` greatest, at most as many as the matrix has columns; one seed, one answer.

    Of a large matrix a value that occurs more often than a block is wide may be found less often,
    and smaller ones in its place. One with a number that is not finite is refused.
    """
    columns = matrix.shape[1]
    # Both are whole blocks.
    held = (count // _BLOCK + 2) * _BLOCK
    most = 2 * held
    if columns <= 2 * most:
        # One block of all columns: turned at random, so that of equal values none is left out.
        images = matrix.times(basis := _start(columns, columns, seed))
        values, ritz = _eigen(images)
        return _scaled(images, values, basis, ritz[:, :count])
    basis, images = (np.empty((side, most), np.float32) for side in matrix.shape[::-1])
    block, width = _start(columns, _BLOCK, seed), 0
    for done in range(1, _MOST_BLOCKS + 1):
        before, width = width, width + _BLOCK
        basis[:, before:width] = block
        images[:, before:width] = matrix.times(block)
        left = matrix.transposed_times(np.ascontiguousarray(images[:, before:width]))
        block, rest = _orthogonal(left, basis[:, :width])
        if width < most and done < _MOST_BLOCKS:
            continue
        values, ritz = _eigen(images[:, :width])
        # |A'A v - theta v| of each Ritz vector: what lies in the next block alone.
        errors = np.linalg.norm(rest @ ritz[before:, :count], axis=0)
        allowed = _TOLERANCE * np.maximum(values[:count], _SMALLEST * values[0])
        if (errors <= allowed).all() or done == _MOST_BLOCKS:
            break
        for vectors in (basis, images):
            vectors[:, :held] = vectors[:, :width] @ ritz[:, :held]
        width = held
    return _scaled(images[:, :width], values, basis[:, :width], ritz[:, :count])


def _start(rows: int, columns: int, seed: int) -> Floats:
    """Random columns of length 1 at right angles."""
    drawn = np.random.default_rng(seed).standard_normal((rows, columns))
    return np.linalg.qr(drawn.astype(np.float32))[0]


def _eigen(images: Floats) -> tuple[NDArray[np.float64], Floats]:
    """Eigenvalues of the inner products of columns, falling, at least 0, with their vectors."""
    products = (images.T @ images).astype(np.float64)
    if not np.isfinite(products).all():
        raise ValueError("The matrix, or its products, have numbers that are not finite.")
    values, vectors = np.linalg.eigh(products)
    return np.maximum(values[::-1], 0.0), vectors[:, ::-1].astype(np.float32)


def _orthogonal(vectors: Floats, basis: Floats) -> tuple[Floats, Floats]:
    """Q R of what the basis does not span of the vectors, Q at right angles to the basis.

    Where it spans all of them, which is so after the last singular value, Q is of other directions.
    """
    block, rest = np.linalg.qr(vectors - basis @ (basis.T @ vectors))
    for _ in range(_MOST_TURNS):
        # What was small has been rounded: the rest of it in the basis is taken away again.
        block, again = np.linalg.qr(block - basis @ (basis.T @ block))
        rest = again @ rest
        if np.abs(np.diag(again)).min() > _RIGHT_ANGLE:
            break
    return block, rest


def _scaled(images: Floats, squares: NDArray[np.float64], basis: Floats, ritz: Floats) -> Singular:
    """U = A V / s, which is 0 where s is."""
    values = np.sqrt(squares[: ritz.shape[1]]).astype(np.float32)
    values[values <= _ROUNDING * values.max()] = 0.0
    inverse = np.divide(1.0, values, where=values > 0.0, out=np.zeros_like(values))
    return (images @ ritz) * inverse, values, basis @ ritz
