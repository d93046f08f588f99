"""Chunks: the unit in which files are read, checked and stored."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from loading.reasons import Reason

CHUNK_BYTES = 2 * 1024 * 1024
"""Bytes of text in one chunk."""

CHUNK_ROWS = 50_000
"""Rows of a Parquet file or a table in one chunk."""


@dataclass(frozen=True, slots=True)
class Reject:
    """One row that is not loaded."""

    file: str
    line: int
    """The line in a text file, counted from 1; the row in a Parquet file or a table."""
    reason: Reason
    row: object
    """The row as it was written: text, or for Parquet an object; None if it cannot be decoded."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some rows of one file, column by column, nothing checked yet."""

    file: str
    columns: Mapping[str, Any]
    """By name an Arrow array, or a list of text or of parsed JSON values."""
    line_of: Callable[[int], int]
    """Where the n-th row of the chunk stands in its file."""
    row_of: Callable[[int], object]
    """The n-th row as it was written."""
    size: int
    """How many rows there are."""
    rejects: list[Reject] = field(default_factory=list)
    """What could not even be split into columns."""
    bytes_read: int = 0
    """How far into its file the chunk ends."""

    def reject(self, index: int, reason: Reason) -> Reject:
        """The reject of the chunk's row number `index`."""
        return Reject(self.file, self.line_of(index), reason, self.row_of(index))
