"""Parquet files and Arrow tables."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from domain.errors import InvalidInputError
from loading.chunks import CHUNK_ROWS, Chunk, Reject
from loading.reasons import Reason


def read_names(path: Path) -> tuple[str, ...]:
    """The names of a Parquet file's columns; InvalidInputError if it is not one."""
    try:
        return tuple(pq.read_schema(path).names)
    except (OSError, pa.ArrowException) as error:
        raise InvalidInputError(f"{path} cannot be read as Parquet: {error}.") from error


def parquet_chunks(path: Path) -> Iterator[Chunk]:
    """The rows of a Parquet file, read piece by piece.

    Raises InvalidInputError if the file is damaged.
    """
    first_row = 1
    try:
        with pq.ParquetFile(path, pre_buffer=False) as file:
            share = path.stat().st_size / max(file.metadata.num_rows, 1)
            for batch in file.iter_batches(batch_size=CHUNK_ROWS):
                after = first_row + batch.num_rows
                yield _chunk(path.name, batch, first_row, int((after - 1) * share))
                first_row = after
    except (OSError, pa.ArrowException) as error:
        raise InvalidInputError(
            f"{path} is damaged at row {first_row} or later: {error}."
        ) from error


def table_chunks(name: str, table: pa.Table) -> Iterator[Chunk]:
    """The rows of a table."""
    first_row = 1
    share = table.nbytes / max(table.num_rows, 1)
    for batch in table.to_batches(max_chunksize=CHUNK_ROWS):
        after = first_row + batch.num_rows
        yield _chunk(name, batch, first_row, int((after - 1) * share))
        first_row = after


def _chunk(file: str, batch: pa.RecordBatch, first_row: int, bytes_read: int) -> Chunk:
    indexes = np.arange(batch.num_rows)
    undecodable = _undecodable(batch)
    if undecodable.any():
        batch = batch.filter(pa.array(~undecodable))
    rows = indexes[~undecodable] + first_row
    return Chunk(
        file=file,
        columns=dict(zip(batch.schema.names, batch.columns, strict=True)),
        line_of=lambda index: int(rows[index]),
        row_of=partial(_row, batch),
        size=batch.num_rows,
        rejects=[
            Reject(file, int(index) + first_row, Reason.INVALID_UTF8, None)
            for index in indexes[undecodable]
        ],
        bytes_read=bytes_read,
    )


def _row(batch: pa.RecordBatch, index: int) -> Any:
    return batch.slice(index, 1).to_pylist()[0]


def _undecodable(batch: pa.RecordBatch) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Which rows hold text that is not UTF-8: Arrow itself does not look."""
    if _is_valid(batch):
        return np.zeros(batch.num_rows, dtype=np.bool_)
    return np.array([not _is_valid(batch.slice(index, 1)) for index in range(batch.num_rows)])


def _is_valid(batch: pa.RecordBatch) -> bool:
    # Only a copy leaves out what lies beyond the rows of a slice.
    try:
        batch.take(pa.array(np.arange(batch.num_rows))).validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def as_list(column: Any, size: int) -> list[Any]:
    """The values of a chunk's column; a column the chunk lacks is all None."""
    if column is None:
        return [None] * size
    return column if isinstance(column, list) else list(column.to_pylist())


def is_text(column: pa.DataType) -> bool:
    """Whether a column's type is text."""
    return bool(pa.types.is_string(column) or pa.types.is_large_string(column))


def decoded(column: pa.Array) -> pa.Array:
    """The column itself rather than numbers into a dictionary."""
    if pa.types.is_dictionary(column.type):
        return column.dictionary_decode()
    if isinstance(column.type, pa.BaseExtensionType):
        return column.storage
    if pa.types.is_string_view(column.type):
        return pc.cast(column, pa.string())
    return column
