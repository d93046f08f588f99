"""The use case: what was put into the store comes out again, as files that loading reads."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, BinaryIO

import pyarrow as pa
from adbc_driver_postgresql import dbapi

from domain.errors import InvalidInputError, StoreUnavailableError
from loading.file_formats import FileFormat
from loading.written_formats import writing
from sql.addresses import libpq_url
from sql.statements import statements

OnRows = Callable[[int], None]

_EXPORT = statements("export")
_STATEMENTS = {
    "events": _EXPORT["export_events"].text,
    "items": _EXPORT["export_items"].text,
    "users": _EXPORT["export_users"].text,
    "recommendations": _EXPORT["export_recommendations"].text,
}
EXPORTS = tuple(_STATEMENTS)
"""What can be exported besides the views of the schema `analytics`."""


@dataclass(frozen=True, slots=True)
class Export:
    """The rows of one snapshot, read as they are asked for."""

    file_format: FileFormat
    schema: pa.Schema
    batches: Iterator[pa.RecordBatch]
    """Of some MiB each, whatever there is in all."""

    def write(self, target: BinaryIO, on_rows: OnRows | None = None) -> int:
        """Write all rows, and answer how many; `on_rows` is given how many there are by then."""
        rows = 0
        with writing(self.file_format, target, self.schema) as write_batch:
            for batch in self.batches:
                write_batch(batch)
                rows += batch.num_rows
                if on_rows is not None:
                    on_rows(rows)
        target.flush()
        return rows


@contextmanager
def opened_export(name: str, database_url: str, file_format: FileFormat) -> Iterator[Export]:
    """The export of a name of `EXPORTS`, or of a view of the schema `analytics`.

    Raises InvalidInputError if there is no such view, or if the format cannot hold what is stored,
    and StoreUnavailableError if PostgreSQL cannot be reached, or goes away before the last row.
    """
    with _snapshot(database_url) as cursor:
        statement = _STATEMENTS.get(name) or _find_view(name, _load_views(cursor))
        if name == "items" and file_format is FileFormat.CSV:
            _refuse_unjoinable(cursor)
        with _errors_as_ours():
            cursor.execute(statement)
            reader = cursor.fetch_record_batch()
        yield Export(file_format, reader.schema, _batches(reader))


@contextmanager
def _snapshot(database_url: str) -> Iterator[Any]:
    """A cursor whose statements all see the store as it is now."""
    with _errors_as_ours():
        connection = dbapi.connect(libpq_url(database_url))
    with closing(connection), closing(connection.cursor()) as cursor:
        with _errors_as_ours():
            cursor.execute(_EXPORT["begin_export"].text)
            cursor.execute(_EXPORT["hold_partitions"].text)
            cursor.execute(_EXPORT["name_export_connection"].text)
        yield cursor


@contextmanager
def _errors_as_ours() -> Iterator[None]:
    """Around what asks PostgreSQL, and never around what writes: a full disk is another error."""
    try:
        yield
    except (dbapi.Error, pa.ArrowException, OSError) as error:
        raise StoreUnavailableError(f"PostgreSQL did not answer: {error}") from error


def _batches(reader: Any) -> Iterator[pa.RecordBatch]:
    with _errors_as_ours():
        yield from reader


def _load_views(cursor: Any) -> dict[str, str]:
    with _errors_as_ours():
        cursor.execute(_EXPORT["load_view_exports"].text)
        return dict(cursor.fetchall())


def _find_view(name: str, views: Mapping[str, str]) -> str:
    if name in views:
        return views[name]
    known = [*EXPORTS, *views]
    near = get_close_matches(name, known, n=1)
    meant = f" Did you mean {near[0]}?" if near else ""
    raise InvalidInputError(
        f"There is no {name} to export.{meant} There are: {', '.join(EXPORTS)}, and the views"
        f" {', '.join(views)}."
    )


def _refuse_unjoinable(cursor: Any) -> None:
    with _errors_as_ours():
        cursor.execute(_EXPORT["find_unjoinable_item"].text)
        found = cursor.fetchone()
    if found is not None:
        raise InvalidInputError(
            f"A category of the item {found[0]} has a |, with which CSV joins categories. Export"
            " as jsonl or parquet."
        )
