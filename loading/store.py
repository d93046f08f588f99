"""The store's side of loading: chunks come in through ADBC and are stored by one statement each."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
from adbc_driver_postgresql import dbapi

from domain.errors import InvalidInputError, StoreUnavailableError
from domain.interactions import EventKind
from loading.priority import let_others_go_before_backend
from loading.report import LoadCounts
from loading.staging import StagedEvents
from sql.log import kind_table
from sql.statements import statements

_LOADING = statements("loading")

_OPENING = (
    "hold_temporary_tables",
    "create_staged_items",
    "create_staged_events",
    "create_staged_event_items",
    "create_staged_event_users",
    "create_numbered_events",
    "commit_unhurried",
)
"""The first statements of a connection."""

_ITEMS_AT_ONCE = 1_000
"""So many items are written in one transaction: whoever writes one of them waits for it."""

_CONTEXTS_AT_ONCE = 100
"""So many contexts are numbered in one transaction: whoever else adds one waits for it."""

_MOST_ATTEMPTS = 5
_DEADLOCK = "40P01"
TOO_MANY_SCALES = "TD422"

Outcome = TypeVar("Outcome")


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
    unknown_item_rows: list[int]
    """The row_no of events that were not stored because their item is not in the catalogue."""
    conflict_rows: list[int]
    """And of those whose id was recorded before with another content."""
    contexts_not_kept: int = 0
    """Events of this chunk whose context is not kept, as there are so many others."""


class Store:
    """A connection that chunks are written through, each in a transaction of its own."""

    def __init__(self, connection: dbapi.Connection, database_url: str) -> None:
        self.database_url = database_url
        self._connection = connection
        self._cursor = connection.cursor()
        for name in _OPENING:
            self._cursor.execute(_LOADING[name].text)
        let_others_go_before(self._cursor)
        connection.commit()
        self.load_no = 0

    def load_kinds(self) -> tuple[EventKind, ...]:
        """The event kinds."""
        self._cursor.execute(statements("log")["load_kinds"].text)
        return kind_table(self._cursor.fetchall()).kinds

    def has_items(self) -> bool:
        """Whether the catalogue has any."""
        return bool(self._rows("has_items")[0][0])

    def count_known_users(self, users: pa.Table) -> int:
        """How many of these users, by `user_id`, there are already."""
        return self._count_staged("staged_event_users", users, "count_known_users")

    def count_known_items(self, items: pa.Table) -> int:
        """How many of these items, by `item_id`, the catalogue has."""
        return self._count_staged("staged_event_items", items, "count_known_items")

    def count_known_events(self, events: pa.Table) -> int:
        """How many of these events, by `event_id`, were stored before."""
        return self._count_staged("staged_events", events, "count_known_events")

    def begin_load(
        self, loaded_by: str, source: str, mapping: Mapping[str, Any]
    ) -> tuple[int, bool]:
        """The number of a new load, or of the same one that was interrupted, and which it is."""
        row = self._rows("begin_load", loaded_by, source, json.dumps(mapping, sort_keys=True))[0]
        self._connection.commit()
        self.load_no = int(row[0])
        return self.load_no, bool(row[1])

    def end_load(self, counts: LoadCounts) -> None:
        """Write down what became of all rows; the load may be taken back from now on."""
        self._rows("end_load", self.load_no, json.dumps(counts.as_json(), sort_keys=True))
        self._connection.commit()

    def count_whole_load(self, counts: LoadCounts) -> None:
        """Make of what a resumed load stored since it went on what it stored in all."""
        events, items = self._rows("count_load", self.load_no)[0]
        earlier = max(int(events) - counts.events_stored, 0)
        counts.events_stored = int(events)
        counts.events_repeated = max(counts.events_repeated - earlier, 0)
        earlier = max(int(items) - counts.items_new, 0)
        counts.items_new = int(items)
        counts.items_unchanged = max(counts.items_unchanged - earlier, 0)

    def store_items(self, items: pa.Table) -> StoredItems:
        """Store the items of a chunk, some at a time, and commit."""
        new = changed = 0
        for first in range(0, items.num_rows, _ITEMS_AT_ONCE):
            chunk = items.slice(first, _ITEMS_AT_ONCE)
            added = self._write_items("add_staged_items", chunk)
            new += added
            if added < chunk.num_rows:
                changed += self._write_items("replace_staged_items", chunk)
        return StoredItems(new, changed, items.num_rows - new - changed)

    def store_events(self, staged: StagedEvents, *, create_items: bool) -> StoredEvents:
        """Store the events of a chunk, those of unknown items excepted, and commit.

        Raises InvalidInputError if the store has as many scales of ratings as it may have.
        """
        if staged.events.num_rows == 0:
            return StoredEvents(0, 0, 0, [], [])

        events, not_kept = self.with_context_numbers(staged)

        def write() -> StoredEvents:
            return self._write_events(staged, events, create_items=create_items)

        try:
            return replace(self._committed(write), contexts_not_kept=not_kept)
        except dbapi.Error as error:
            if error.sqlstate == TOO_MANY_SCALES:
                raise InvalidInputError(
                    "Ratings came on so many different scales already that no new one is taken."
                ) from error
            raise

    def number_items(
        self, item_ids: Sequence[str], *, create: bool
    ) -> tuple[int, list[int | None]]:
        """How many of these items were made, and the numbers of all; None: there is no such item.

        Whoever takes loads back may take items out again after the commit.
        """

        def write() -> tuple[int, list[int | None]]:
            self._stage("staged_event_items", _numbered("item", item_ids))
            made = int(self._rows("create_missing_items", self.load_no)[0][0]) if create else 0
            return made, [number for (number,) in self._rows("hold_staged_items")]

        return self._committed(write)

    def number_users(self, user_ids: Sequence[str]) -> list[int]:
        """The numbers of these users, of whom those that are missing are made.

        Whoever forgets users may forget them after the commit.
        """

        def write() -> list[int]:
            self._stage("staged_event_users", _numbered("user", user_ids))
            return [number for (number,) in self._rows("number_staged_users", self.load_no)]

        return self._committed(write)

    def number_scale(self, least: float, greatest: float) -> int | None:
        """The number of a scale of ratings; None: there are too many."""
        rows = self._committed(partial(self._rows, "number_scale", least, greatest))
        return int(rows[0][0]) if rows else None

    def roll_back(self) -> None:
        """Give up what was not committed, as after an error."""
        self._connection.rollback()

    def wait_briefly(self, briefly: bool) -> None:  # noqa: FBT001
        """Whether whoever is in the way is waited for half a second only, or to the end."""
        self._connection.rollback()
        self._cursor.execute(_LOADING["wait_briefly" if briefly else "wait_as_usual"].text)
        self._connection.commit()

    def _write_items(self, name: str, items: pa.Table) -> int:
        """Write staged items with one statement, and commit; how many were written."""

        def write() -> int:
            self._stage("staged_items", items)
            return int(self._rows(name, self.load_no)[0][0])

        return self._committed(write)

    def with_context_numbers(self, staged: StagedEvents) -> tuple[pa.Table, int]:
        """The events with context_no if any has a context, and how many get none for theirs.

        Contexts are numbered in transactions of their own: whoever adds one waits for others who
        do, to the end of their transactions.
        """
        if "context_at" not in staged.events.column_names:
            return staged.events, 0
        numbers = pa.array(self._context_numbers(staged.contexts), pa.int32())
        at = staged.events["context_at"].combine_chunks()
        context_nos = numbers.take(at)
        events = staged.events.drop_columns(["context_at"]).append_column("context_no", context_nos)
        return events, context_nos.null_count - at.null_count

    def _context_numbers(self, contexts: tuple[str, ...]) -> list[int | None]:
        numbers = []
        for first in range(0, len(contexts), _CONTEXTS_AT_ONCE):
            given = json.dumps(contexts[first : first + _CONTEXTS_AT_ONCE])
            found = self._committed(partial(self._rows, "number_contexts", given))
            numbers += [number for (number,) in found]
        return numbers

    def _write_events(
        self, staged: StagedEvents, events: pa.Table, *, create_items: bool
    ) -> StoredEvents:
        self._stage("staged_event_items", staged.items)
        self._stage("staged_event_users", staged.users)
        self._stage("staged_events", events)
        items_new = (
            int(self._rows("create_missing_items", self.load_no)[0][0]) if create_items else 0
        )
        stored, repeated, unknown, conflicts = self._rows("store_staged_events", self.load_no)[0]
        return StoredEvents(stored, repeated, items_new, unknown, conflicts)

    def _committed(self, write: Callable[[], Outcome]) -> Outcome:
        """Write and commit; again if PostgreSQL ended it because two waited for each other."""
        left = _MOST_ATTEMPTS
        while True:
            left -= 1
            try:
                outcome = write()
            except dbapi.Error as error:
                if error.sqlstate != _DEADLOCK or not left:
                    raise
                self._connection.rollback()
            else:
                self._connection.commit()
                return outcome

    def _count_staged(self, table_name: str, rows: pa.Table, query: str) -> int:
        """What a statement counts of staged rows, of which nothing stays."""
        self._stage(table_name, rows)
        (count,) = self._rows(query)[0]
        self._connection.rollback()
        return int(count)

    def _stage(self, table_name: str, rows: pa.Table) -> None:
        self._cursor.adbc_ingest(table_name, rows, mode="append", temporary=True)

    def _rows(self, name: str, *parameters: object) -> list[Any]:
        self._cursor.execute(_LOADING[name].text, parameters or None)
        return list(self._cursor.fetchall())


def _numbered(of: str, ids: Sequence[str]) -> pa.Table:
    """Ids as they are staged, counted from 1."""
    ats = np.arange(1, len(ids) + 1, dtype=np.int32)
    return pa.table({f"{of}_at": ats, f"{of}_id": pa.array(ids, pa.string())})


def let_others_go_before(cursor: dbapi.Cursor) -> None:
    """What PostgreSQL does for this connection may wait, too, where cores are short."""
    cursor.execute(_LOADING["identify_backend"].text)
    let_others_go_before_backend(*cursor.fetchone())


@contextmanager
def connected(database_url: str) -> Iterator[Store]:
    """A store to write into; whatever was not committed is rolled back at the end.

    Raises StoreUnavailableError if PostgreSQL cannot be reached, or goes away.
    """
    try:
        with dbapi.connect(database_url) as connection:
            yield Store(connection, database_url)
    except dbapi.OperationalError as error:
        raise StoreUnavailableError(f"PostgreSQL cannot be reached: {error}") from error
