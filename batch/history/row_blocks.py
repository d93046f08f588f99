"""A sparse matrix in blocks of rows: in memory while it is small, else in a file."""

import tempfile
from collections.abc import Callable, Iterable, Iterator
from io import SEEK_END
from pathlib import Path
from threading import Lock
from typing import IO, Any, Self
from weakref import finalize

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, vstack

HELD_BYTES = 1 << 28
"""So much of what a store keeps stays in memory."""

ReadMatrix = Callable[[], csr_matrix]


class BlockStore:
    """Keeps matrices: the first in memory, those that come when `held_bytes` are full in a file.

    The file has no name and ends with the store, or with the process; it is in `folder` (None: the
    system's folder for temporary files). Several threads may keep and read matrices.
    """

    def __init__(self, folder: Path | None = None, held_bytes: int = HELD_BYTES) -> None:
        self._folder = folder
        self._left_bytes = held_bytes
        self._file: IO[bytes] | None = None
        self._using_file = Lock()
        """All threads share the place in it."""

    def keep(self, matrix: csr_matrix) -> ReadMatrix:
        """Keep a matrix that shares its arrays with no other; what is answered reads it."""
        arrays = (matrix.data, matrix.indices, matrix.indptr)
        size = sum(array.nbytes for array in arrays)
        with self._using_file:
            if size <= self._left_bytes:
                self._left_bytes -= size
                return lambda: matrix
            place = self._write(arrays)
        shape = matrix.shape
        return lambda: self._read(place, shape)

    def _write(self, arrays: Iterable[NDArray[Any]]) -> int:
        """The place in the file where they begin."""
        if self._file is None:
            # Not buffered: numpy then reads and writes the arrays themselves.
            self._file = tempfile.TemporaryFile(  # noqa: SIM115 -- it lives as long as the store
                buffering=0, dir=self._folder
            )
            finalize(self, self._file.close)
        place = self._file.seek(0, SEEK_END)
        for array in arrays:
            np.save(self._file, array)
        return place

    def _read(self, place: int, shape: tuple[int, int]) -> csr_matrix:
        assert self._file is not None  # noqa: S101 -- it has been written
        with self._using_file:
            self._file.seek(place)
            data, indices, starts = (np.load(self._file) for _ in range(3))
        return csr_matrix((data, indices, starts), shape=shape)


class RowBlocks:
    """Blocks of rows, in order; each is a CSR matrix with the columns of the whole."""

    def __init__(self, columns: int, store: BlockStore) -> None:
        self.columns = columns
        self.rows = 0
        self.cells = 0
        self._store = store
        self._blocks: list[ReadMatrix] = []

    @classmethod
    def of(cls, matrix: csr_matrix) -> Self:
        """A matrix that is in memory, as one block."""
        blocks = cls(matrix.shape[1], BlockStore())
        blocks.rows, blocks.cells = matrix.shape[0], int(matrix.nnz)
        blocks._blocks.append(lambda: matrix)
        return blocks

    def append(self, block: csr_matrix) -> None:
        """Add rows at the end."""
        self._blocks.append(self._store.keep(block))
        self.rows += block.shape[0]
        self.cells += int(block.nnz)

    def __iter__(self) -> Iterator[csr_matrix]:
        for read in self._blocks:
            yield read()

    def emptied(self) -> Iterator[csr_matrix]:
        """Each block for the last time: nothing holds it any more."""
        while self._blocks:
            yield self._blocks.pop(0)()

    def whole(self) -> csr_matrix:
        """All of it in memory."""
        return csr_matrix(vstack([csr_matrix((0, self.columns)), *self], format="csr"))
