"""Events of a load into a log that is nearly empty: they get their indexes last.

They are copied into partitions of their own, by a transaction of their own, and put into the log
all at once (sql/schema/detached_loads.sql). Whatever is not plain, as an event that is there
already, is left to `loading.store`, as is all that comes after it.
"""

import json
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from adbc_driver_postgresql import dbapi

from loading.staging import StagedEvents
from loading.store import Store, StoredEvents, let_others_go_before
from sql.statements import statements

_LOADING = statements("loading")
LEAST_EVENTS = 100_000
"""Of fewer the usual way is as fast."""
MOST_EVENTS = 5_000_000
"""What is lost when a load is killed before they are in the log, and is loaded again."""
_MOST_USERS = 500_000
"""Whose numbers are remembered at once."""
_NOT_PLAIN = {"23505", "55P03", "40P01"}
"""SQLSTATE of an id that was stored before, of who waited too long, and of who was waited for."""
_PATIENCE = 40
"""How often the log's lock is asked for, half a minute in all, before events go in one by one."""
_CONTENT = ("user_at", "item_at", "kind_no", "value", "least", "greatest", "occurred_at")

Numbers = npt.NDArray[np.int32]


class NotPlainError(Exception):
    """A batch is to be stored in the usual way."""


@dataclass(slots=True)
class DetachedEvents:
    """Partitions of a load that are not in the log yet."""

    connection: dbapi.Connection
    """Of their transaction alone."""
    store: Store
    """Makes users and items, each batch in a transaction of its own: events of others wait."""
    after_position: int
    written: int = 0
    items_new: int = 0
    """Items that the last batch made, even if nothing else came of it."""
    _items: dict[str, int] = field(default_factory=dict)
    _users: dict[str, int] = field(default_factory=dict)
    _scales: dict[tuple[float, float], int] = field(default_factory=dict)
    _kinds: set[int] = field(default_factory=set)

    def add(self, staged: StagedEvents, *, create_items: bool) -> StoredEvents:
        """Copy a batch; raises NotPlainError, with nothing copied of it, if that does not do."""
        self.items_new = 0
        if not _are_repeats_equal(staged.events) or self.written >= MOST_EVENTS:
            raise NotPlainError
        try:
            if self._is_to_be_attached():
                raise NotPlainError
            return self._add(staged, create_items=create_items)
        except dbapi.Error as error:
            if error.sqlstate not in _NOT_PLAIN:
                raise
            self.store.roll_back()
            raise NotPlainError from error

    def attach(self) -> None:
        """Put all into the log, and commit."""
        if self.written:
            kinds = json.dumps(sorted(self._kinds))
            with self.connection.cursor() as cursor:
                query = _LOADING["attach_detached_load"].text
                cursor.execute(query, (self.store.load_no, kinds, _PATIENCE))
                cursor.fetchall()
                cursor.execute(_LOADING["commit_parts"].text)

    def _is_to_be_attached(self) -> bool:
        """Whether others send an event that this load has, or very many."""
        with self.connection.cursor() as cursor:
            cursor.execute(_LOADING["is_to_be_attached"].text, (self.after_position,))
            return bool(cursor.fetchone()[0])

    def _add(self, staged: StagedEvents, *, create_items: bool) -> StoredEvents:
        events, not_kept = self.store.with_context_numbers(staged)
        item_nos = self._item_numbers(staged.items["item_id"], create_items=create_items)
        of_events = item_nos[events["item_at"].to_numpy() - 1]
        is_known = of_events > 0
        unknown = events["row_no"].to_numpy()[~is_known]
        is_first = events["is_first"].to_numpy()
        rows = events.append_column("item_no", pa.array(of_events)).filter(
            pa.array(is_known & is_first)
        )
        self._copy(rows, staged.users["user_id"])
        return StoredEvents(
            rows.num_rows,
            int((is_known & ~is_first).sum()),
            self.items_new,
            sorted(unknown.tolist()),
            [],
            not_kept,
        )

    def _copy(self, rows: pa.Table, user_ids: pa.ChunkedArray) -> None:
        first = self.after_position + self.written + 1
        positions = pa.array(np.arange(first, first + rows.num_rows, dtype=np.int64))
        rows = rows.append_column("position", positions)
        scale_nos = self._scale_numbers(rows)
        with self.connection.cursor() as cursor:
            cursor.execute(_LOADING["begin_part"].text)
            try:
                receipts = rows.select(["event_id", "position", "occurred_at"])
                cursor.adbc_ingest("event_receipts", receipts, mode="append")
                # Events that were received before make no user: so these come after the receipts.
                user_nos = self._user_numbers(user_ids, rows["user_at"].to_numpy())
                log = _rows_of_log(rows, user_nos, scale_nos, self.store.load_no)
                cursor.adbc_ingest(f"interactions_load_{self.store.load_no}", log, mode="append")
            except dbapi.Error:
                cursor.execute(_LOADING["give_up_part"].text)
                raise
            cursor.execute(_LOADING["keep_part"].text)
        self.written += rows.num_rows
        self._kinds.update(pc.unique(rows["kind_no"]).to_pylist())

    def _item_numbers(self, item_ids: pa.ChunkedArray, *, create_items: bool) -> Numbers:
        """The number of each item, which is made; 0: the catalogue lacks it."""
        ids = item_ids.to_pylist()
        missing = [each for each in ids if each not in self._items]
        if missing:
            self.items_new, found = self.store.number_items(missing, create=create_items)
            self._items.update(
                (each, number) for each, number in zip(missing, found, strict=True) if number
            )
        return np.array([self._items.get(each, 0) for each in ids], np.int32)

    def _user_numbers(self, user_ids: pa.ChunkedArray, user_ats: Numbers) -> Numbers:
        """The number of each event's user; those whom there are not are made."""
        used = np.unique(user_ats)
        ids = user_ids.take(pa.array(used - 1)).to_pylist()
        missing = [each for each in ids if each not in self._users]
        if len(self._users) + len(missing) > _MOST_USERS:
            self._users.clear()
            missing = ids
        if missing:
            found = self.store.number_users(missing)
            self._users.update(zip(missing, found, strict=True))
        numbers = np.zeros(len(user_ids) + 1, np.int32)
        numbers[used] = [self._users[each] for each in ids]
        return numbers[user_ats]

    def _scale_numbers(self, rows: pa.Table) -> pa.Array:
        """The number of each rating's scale; null: the event is no rating."""
        numbers = np.zeros(rows.num_rows, np.int16)
        if rows["least"].null_count < rows.num_rows:
            least, greatest = rows["least"].to_numpy(), rows["greatest"].to_numpy()
            for low, high in {*zip(least.tolist(), greatest.tolist(), strict=True)}:
                if low == low:  # noqa: PLR0124 -- not of those without a scale, which are NaN
                    numbers[(least == low) & (greatest == high)] = self._scale_number(low, high)
        return pa.array(numbers, mask=numbers == 0)

    def _scale_number(self, low: float, high: float) -> int:
        if (low, high) not in self._scales:
            number = self.store.number_scale(low, high)
            if number is None:
                raise NotPlainError
            self._scales[low, high] = number
        return self._scales[low, high]


def _rows_of_log(rows: pa.Table, user_nos: Numbers, scale_nos: pa.Array, load_no: int) -> pa.Table:
    taken: dict[str, Any] = {
        name: rows[name]
        for name in (
            "position",
            "event_id",
            "item_no",
            "kind_no",
            "value",
            "strength",
            "occurred_at",
            "recommendation_id",
        )
    }
    taken["user_no"] = pa.array(user_nos)
    taken["scale_no"] = scale_nos
    taken["load_no"] = pa.array(np.full(rows.num_rows, load_no, np.int32))
    if "context_no" in rows.column_names:
        taken["context_no"] = rows["context_no"]
    return pa.table(taken)


def _are_repeats_equal(events: pa.Table) -> bool:
    """Whether events of one id all say the same; they stand beside each other."""
    again = np.flatnonzero(~events["is_first"].to_numpy())
    if not len(again):
        return True
    columns = events.select(_CONTENT)
    return bool(columns.take(pa.array(again)).equals(columns.take(pa.array(again - 1))))


class EventWriter:
    """Stores batches of events of one load: detached from the log while that does."""

    def __init__(self, store: Store, *, events: int) -> None:
        """`events` is how many there may be."""
        self._store = store
        self._connection: dbapi.Connection | None = None
        self._detached: DetachedEvents | None = None
        if events >= LEAST_EVENTS:
            self._begin()

    def store_events(self, staged: StagedEvents, *, create_items: bool) -> StoredEvents:
        """Store a batch, as `Store.store_events` does, or see to it that `end` does."""
        items_new = 0
        if self._detached is not None and staged.events.num_rows:
            try:
                return self._detached.add(staged, create_items=create_items)
            except NotPlainError:
                items_new = self._detached.items_new
                self.end()
        stored = self._store.store_events(staged, create_items=create_items)
        return replace(stored, items_new=stored.items_new + items_new)

    def end(self) -> None:
        """Have all in the log that was stored."""
        if self._detached is not None:
            self._detached.attach()
        self.close()

    def close(self) -> None:
        """Give up what is not in the log; the next batch is stored in the usual way."""
        if self._connection is not None:
            self._connection.close()
            self._store.wait_briefly(False)
        self._connection = self._detached = None

    def _begin(self) -> None:
        # What the driver does for transactions of its own fails after an error, in spite of a
        # savepoint.
        self._connection = dbapi.connect(self._store.database_url, autocommit=True)
        with self._connection.cursor() as cursor:
            let_others_go_before(cursor)
            cursor.execute(_LOADING["commit_unhurried"].text)
            cursor.execute(_LOADING["wait_briefly"].text)
            cursor.execute(_LOADING["allow_long_transaction"].text)
            cursor.fetchall()
            cursor.execute(_LOADING["begin_parts"].text)
            try:
                cursor.execute(_LOADING["begin_detached_load"].text, (self._store.load_no,))
                (after,) = cursor.fetchone()
            except dbapi.Error as error:
                if error.sqlstate not in _NOT_PLAIN:
                    raise
                after = None
        if after is None:
            self._connection.close()
            self._connection = None
            return
        self._store.wait_briefly(True)
        self._detached = DetachedEvents(self._connection, self._store, int(after))
