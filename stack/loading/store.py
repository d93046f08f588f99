"""The store's side of loading: chunks come in through ADBC and are stored by one statement each."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from adbc_driver_postgresql import dbapi

from domain.errors import StoreUnavailableError
from sql.statements import statements

_LOADING = statements("loading")


@dataclass(frozen=True, slots=True)
class StoredItems:
    """What storing a chunk of items did."""

    new: int
    changed: int
    unchanged: int


@dataclass(frozen=True, slots=True)
class StoredEvents:
    """What storing a chunk of events did."""

    stored: int
    repeated: int
    items_new: int
    unknown_item_places: list[int]
    """The places of events that were not stored because their item is not in the catalogue."""


class Store:
    """A connection that chunks are written through, each in a transaction of its own."""

    def __init__(self, connection: dbapi.Connection) -> None:
        self._connection = connection
        self._cursor = connection.cursor()
        self._cursor.execute(_LOADING["create_staged_items"].text)
        self._cursor.execute(_LOADING["create_staged_events"].text)
        connection.commit()

    def load_kind_nos(self) -> dict[str, int]:
        """The number of each event kind."""
        self._cursor.execute(statements("log")["load_kinds"].text)
        return {kind: kind_no for kind_no, kind, *_ in self._cursor.fetchall()}

    def store_items(self, items: pa.Table) -> StoredItems:
        """Store the items of a chunk and commit."""
        if items.num_rows == 0:
            return StoredItems(0, 0, 0)
        self._stage("staged_items", items)
        ((new, changed, staged),) = self._rows("store_staged_items")
        self._connection.commit()
        return StoredItems(new, changed, staged - new - changed)

    def store_events(self, events: pa.Table, *, create_items: bool) -> StoredEvents:
        """Store the events of a chunk, those of unknown items excepted, and commit."""
        if events.num_rows == 0:
            return StoredEvents(0, 0, 0, [])
        self._stage("staged_events", events)
        items_new = self._rows("create_missing_items")[0][0] if create_items else 0
        unknown = [place for (place,) in self._rows("find_unknown_items")]
        recorded = self._rows("store_staged_events")
        self._connection.commit()
        stored, repeated = recorded[0] if recorded else (0, 0)
        return StoredEvents(stored, repeated, items_new, unknown)

    def _stage(self, table_name: str, rows: pa.Table) -> None:
        self._cursor.adbc_ingest(table_name, rows, mode="append", temporary=True)

    def _rows(self, name: str) -> list[Any]:
        self._cursor.execute(_LOADING[name].text)
        return list(self._cursor.fetchall())


@contextmanager
def connected(database_url: str) -> Iterator[Store]:
    """A store to write into; whatever was not committed is rolled back at the end.

    Raises StoreUnavailableError if PostgreSQL cannot be reached, or goes away.
    """
    try:
        with dbapi.connect(database_url) as connection:
            yield Store(connection)
    except dbapi.OperationalError as error:
        raise StoreUnavailableError(f"PostgreSQL cannot be reached: {error}") from error
