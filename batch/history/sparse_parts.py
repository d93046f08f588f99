"""Sparse matrices put together of parts, with just the numbers that they have in one piece."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix, csr_matrix

_MOST_IN_32_BITS = 2**31 - 1


def summed(
    values: NDArray[np.floating],
    rows: NDArray[np.integer],
    columns: NDArray[np.integer],
    shape: tuple[int, int],
) -> csr_matrix:
    """The sums of the values (n,) of each cell.

    The order in which they are added up depends on nothing but what the row was given: numbers are
    rounded alike whatever other rows there are.
    """
    cells = coo_matrix((values, (rows, columns)), shape=shape)
    cells.has_canonical_format = True
    sums = cells.tocsr()
    # SciPy leaves a matrix alone that is sorted as a whole, and changes the order of equals if not.
    sums.has_canonical_format = sums.has_sorted_indices = False
    sums.sum_duplicates()
    return csr_matrix(sums)


def stacked(parts: list[csr_matrix], columns: int) -> csr_matrix:
    """The rows of all parts, one under the other; the list is empty afterwards.

    There are never two copies of all of them.
    """
    lengths = np.concatenate([[0], *(np.diff(part.indptr) for part in parts)])
    starts: NDArray[np.integer] = np.cumsum(lengths, dtype=np.int64)
    if starts[-1] <= _MOST_IN_32_BITS:
        starts = starts.astype(np.int32)
    data, indices = [part.data for part in parts], [part.indices for part in parts]
    parts.clear()
    all_data, all_indices = _emptied(data), _emptied(indices)
    shape = (len(starts) - 1, columns)
    return csr_matrix((all_data, all_indices, starts), shape=shape)


def _emptied(arrays: list[NDArray[Any]]) -> NDArray[Any]:
    joined = np.concatenate(arrays)
    arrays.clear()
    return joined


def rows_of(matrix: csr_matrix, rows: slice, cells: slice) -> csr_matrix:
    """Some rows and their cells, as `row_slices` names them; a view."""
    starts = matrix.indptr[rows.start : rows.stop + 1] - matrix.indptr[rows.start]
    part = (matrix.data[cells], matrix.indices[cells], starts)
    return csr_matrix(part, shape=(rows.stop - rows.start, matrix.shape[1]))


def without(matrix: csr_matrix, dropped: NDArray[np.bool_]) -> csr_matrix:
    """The matrix without the cells (n,) that are `dropped`."""
    before = np.concatenate([[0], np.cumsum(~dropped)])
    starts: NDArray[np.integer] = before[matrix.indptr].astype(matrix.indptr.dtype)
    return csr_matrix((matrix.data[~dropped], matrix.indices[~dropped], starts), shape=matrix.shape)


def row_numbers(matrix: csr_matrix) -> NDArray[np.int64]:
    """The row of each cell, (n,)."""
    return np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
