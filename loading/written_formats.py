"""Record batches as CSV, JSON lines or Parquet, written so that loading reads them back exactly."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, BinaryIO

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from loading.file_formats import FileFormat

CATEGORIES = "categories"
_JSON_ROWS = 10_000
"""So many rows are Python objects at a time."""

WriteBatch = Callable[[pa.RecordBatch], None]


def writing(
    file_format: FileFormat, target: BinaryIO, schema: pa.Schema
) -> AbstractContextManager[WriteBatch]:
    """What writes batches of a schema into a file, which is whole after the block and stays open.

    CSV: null is nothing and an empty text is `""`; lists are JSON text, but for categories, which
    are joined with `|`. CSV and JSON lines: times are ISO 8601 in UTC, with microseconds. JSON: in
    JSON lines as it is, elsewhere as text.
    """
    return _WRITERS[file_format](target, schema)


@contextmanager
def _csv(target: BinaryIO, schema: pa.Schema) -> Iterator[WriteBatch]:
    empty = pa.RecordBatch.from_arrays([pa.nulls(0, field.type) for field in schema], schema=schema)
    with pa.csv.CSVWriter(target, _for_csv(empty).schema) as writer:
        yield lambda batch: writer.write_batch(_for_csv(batch))


@contextmanager
def _json_lines(target: BinaryIO, _schema: pa.Schema) -> Iterator[WriteBatch]:
    def write(batch: pa.RecordBatch) -> None:
        names = batch.schema.names
        for first in range(0, batch.num_rows, _JSON_ROWS):
            columns = [_json_values(column) for column in batch.slice(first, _JSON_ROWS).columns]
            target.writelines(
                orjson.dumps(
                    dict(zip(names, values, strict=True)), option=orjson.OPT_APPEND_NEWLINE
                )
                for values in zip(*columns, strict=True)
            )

    yield write


@contextmanager
def _parquet(target: BinaryIO, schema: pa.Schema) -> Iterator[WriteBatch]:
    plain = pa.schema([(field.name, _storage_type(field.type)) for field in schema])
    with pq.ParquetWriter(target, plain, compression="zstd") as writer:

        def write(batch: pa.RecordBatch) -> None:
            columns = [_storage(column) for column in batch.columns]
            writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=plain))

        yield write


_WRITERS = {FileFormat.CSV: _csv, FileFormat.JSONL: _json_lines, FileFormat.PARQUET: _parquet}


def _for_csv(batch: pa.RecordBatch) -> pa.RecordBatch:
    names = batch.schema.names
    columns = map(_csv_column, names, batch.columns)
    return pa.RecordBatch.from_arrays(list(columns), names=names)


def _csv_column(name: str, column: pa.Array) -> pa.Array:
    if pa.types.is_list(column.type):
        if name == CATEGORIES:
            return pc.binary_join(column, "|")
        return pa.array([_json_text(value) for value in column.to_pylist()], pa.string())
    return _iso_8601(column) if pa.types.is_timestamp(column.type) else _storage(column)


def _json_values(column: pa.Array) -> list[Any]:
    """What orjson writes a column's values as: JSON of PostgreSQL digit by digit."""
    if isinstance(column.type, pa.JsonType):
        return [value and orjson.Fragment(value.encode()) for value in _storage(column).to_pylist()]
    if pa.types.is_timestamp(column.type):
        column = _iso_8601(column)
    if pa.types.is_float32(column.type):
        # 0.1, and not 0.10000000149011612.
        column = pc.cast(pc.cast(column, pa.string()), pa.float64())
    return list(_storage(column).to_pylist())


def _iso_8601(times: pa.Array) -> pa.Array:
    return pc.replace_substring(pc.cast(times, pa.string()), " ", "T", max_replacements=1)


def _json_text(value: list[Any] | None) -> str | None:
    return None if value is None else orjson.dumps(value).decode()


def _storage(column: pa.Array) -> pa.Array:
    return column.storage if isinstance(column.type, pa.BaseExtensionType) else column


def _storage_type(of: pa.DataType) -> pa.DataType:
    return of.storage_type if isinstance(of, pa.BaseExtensionType) else of
