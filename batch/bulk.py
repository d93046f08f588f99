"""Bulk moves between PostgreSQL and Arrow, through ADBC."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from threading import Lock
from typing import Any

import numpy as np
import pyarrow as pa
from adbc_driver_manager import OperationalError
from adbc_driver_postgresql import dbapi
from numpy.typing import DTypeLike, NDArray
from sqlalchemy import TextClause

from sql.addresses import libpq_url
from sql.engine import AWAY_ERRORS
from sql.statements import statements

_BATCH = statements("batch")

TRANSIENT_ERRORS: tuple[type[Exception], ...] = (*AWAY_ERRORS, OperationalError)
"""Troubles of reading and writing that may pass by themselves."""


class BulkConnections:
    """ADBC connections to one database, for who needs several of them.

    The first reads all types of the database, for some 30 ms of processor time. It stays, idle and
    in no transaction, so that the others find what it has read. They do without it if it is lost.
    """

    def __init__(self, database_url: str) -> None:
        self._url = libpq_url(database_url)
        self._first: Any = None
        self._opening = Lock()

    @contextmanager
    def opened(self) -> Iterator[Any]:
        """One of its own; what was not committed when the block ends is rolled back."""
        with self._opening:
            if self._first is None:
                self._first = _named(dbapi.connect(self._url, autocommit=True))
        with _named(self._first.adbc_clone()) as connection:
            connection.commit()
            yield connection

    def close(self) -> None:
        """Close the one that has stayed."""
        if self._first is not None:
            self._first.close()


@contextmanager
def bulk_connection(database_url: str) -> Iterator[Any]:
    """An ADBC connection; what was not committed when the block ends is rolled back."""
    with _named(dbapi.connect(libpq_url(database_url))) as connection:
        connection.commit()
        yield connection


def _named(connection: Any) -> Any:
    try:
        with connection.cursor() as cursor:
            cursor.execute(_BATCH["name_bulk_connection"].text)
    except BaseException:
        connection.close()
        raise
    return connection


def with_numbers(statement: TextClause, **numbers: int) -> str:
    """The text of a statement with its parameters written in; numbers only."""
    bound = statement.bindparams(**{name: int(number) for name, number in numbers.items()})
    return str(bound.compile(compile_kwargs={"literal_binds": True}))


def fetch(connection: Any, statement: TextClause, **numbers: int) -> Any:
    """All rows a statement answers, as an Arrow table."""
    with connection.cursor() as cursor:
        cursor.execute(with_numbers(statement, **numbers))
        return cursor.fetch_arrow_table()


def fetch_columns(
    connection: Any, statement: TextClause, types: Mapping[str, DTypeLike], **numbers: int
) -> list[NDArray[Any]]:
    """The columns a statement answers as arrays of these types.

    They are read batch by batch: there are never two copies of all of them.
    """
    read: dict[str, list[NDArray[Any]]] = {name: [] for name in types}
    with connection.cursor() as cursor:
        cursor.execute(with_numbers(statement, **numbers))
        for batch in cursor.fetch_record_batch():
            for name, kind in types.items():
                read[name].append(batch[name].to_numpy(zero_copy_only=False).astype(kind))
    return [np.concatenate(read.pop(name) or [np.empty(0, kind)]) for name, kind in types.items()]


def append(connection: Any, table_name: str, columns: dict[str, Any]) -> None:
    """Append Arrow columns to a table and commit."""
    with connection.cursor() as cursor:
        cursor.adbc_ingest(table_name, pa.table(columns), mode="append")
    connection.commit()


def constant_column(number: int, length: int) -> Any:
    """A column of 32-bit integers, all the same."""
    return pa.array(np.full(length, number, dtype=np.int32))


def array_column(
    values: NDArray[Any], lengths: NDArray[np.integer], *, empty_is_null: bool = False
) -> Any:
    """A column of arrays: the next `lengths[k]` of `values` are the k-th."""
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    missing = pa.array(np.asarray(lengths) == 0) if empty_is_null else None
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(values), mask=missing)


def vector_column(vectors: NDArray[np.float32]) -> Any:
    """A column of pgvector's `vector` from (n, d), in the binary form its input takes.

    Two big-endian 16-bit integers (dimensions, 0) and the big-endian 32-bit numbers.
    """
    count, dimensions = vectors.shape
    rows = np.zeros((count, 4 + 4 * dimensions), dtype=np.uint8)
    rows[:, :2] = np.frombuffer(dimensions.to_bytes(2, "big"), dtype=np.uint8)
    rows[:, 4:] = np.ascontiguousarray(vectors, dtype=">f4").view(np.uint8).reshape(count, -1)
    return pa.Array.from_buffers(pa.binary(rows.shape[1]), count, [None, pa.py_buffer(rows)])
