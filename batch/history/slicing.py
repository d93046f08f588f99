"""What numpy does at once with a copy of all indexes in 64 bits, slice by slice without one."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

AT_ONCE = 2_000_000
"""So many numbers are looked at at once, where each takes many times its own memory."""


def slices(count: int, at_once: int = AT_ONCE) -> Iterator[slice]:
    """Slices of so many of `count` numbers, in their order."""
    for start in range(0, count, at_once):
        yield slice(start, min(start + at_once, count))


def occurrences(numbers: NDArray[np.integer], length: int = 0) -> NDArray[np.int64]:
    """How often each number from 0 on occurs, at least `length` of them: `np.bincount`."""
    longest = max(int(numbers.max(initial=-1)) + 1, length)
    counts = np.zeros(longest, dtype=np.int64)
    for part in slices(len(numbers)):
        found = np.bincount(numbers[part])
        counts[: len(found)] += found
    return counts


def taken(values: NDArray[Any], indexes: NDArray[np.integer]) -> NDArray[Any]:
    """`values[indexes]`, (n,)."""
    found = np.empty(len(indexes), dtype=values.dtype)
    for part in slices(len(indexes)):
        found[part] = values[indexes[part]]
    return found


def row_slices(
    starts: NDArray[np.integer], at_once: int = AT_ONCE
) -> Iterator[tuple[slice, slice]]:
    """Slices of whole rows with about so many cells, and those of their cells.

    `starts` (r + 1,) says where the cells of each row begin, as `indptr` of a CSR matrix does.
    """
    # The part each row belongs to, by where its cells end.
    parts = (starts[1:].astype(np.int64) - 1) // at_once
    if not len(parts):
        return
    firsts = np.flatnonzero(np.diff(parts, prepend=-2)).tolist()
    for first, end in zip(firsts, [*firsts[1:], len(parts)], strict=True):
        yield slice(first, end), slice(int(starts[first]), int(starts[end]))
