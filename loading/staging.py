"""A batch of events as the store takes it: each user and item once, and events in the order of ids.

All of this could be done by PostgreSQL, which has most to do while files are loaded.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

_ID_BYTES = 16


@dataclass(frozen=True, slots=True)
class StagedEvents:
    """Events with their users and items."""

    events: pa.Table
    """In the order of `event_id`, of one id in that of `row_no`; user_at, item_at and is_first
    instead of user_id and item_id."""
    users: pa.Table
    """user_at, counted from 1, and user_id."""
    items: pa.Table
    """item_at, counted from 1, and item_id."""
    contexts: tuple[str, ...] = ()
    """The different ones, as JSON. If the file has any, events have context_at, which counts them
    from 0; null: an event has none."""


def staged_events(events: pa.Table) -> StagedEvents:
    """Events of `loading.events.EventBatch` with their strengths, made ready to be staged."""
    ids = _halves(events["event_id"])
    order = np.lexsort((events["row_no"].to_numpy(), ids[:, 1], ids[:, 0]))
    ids = ids[order]
    is_first = np.ones(len(ids), bool)
    is_first[1:] = (ids[1:] != ids[:-1]).any(axis=1)
    users, user_ats = _each_once(events["user_id"], "user")
    items, item_ats = _each_once(events["item_id"], "item")
    rows = (
        events.drop_columns(["user_id", "item_id"])
        .append_column("user_at", pa.array(user_ats))
        .append_column("item_at", pa.array(item_ats))
        .take(pa.array(order))
        .append_column("is_first", pa.array(is_first))
    )
    if "context" not in rows.column_names:
        return StagedEvents(rows, users, items)
    contexts = rows["context"].combine_chunks().dictionary_encode()
    rows = rows.drop_columns(["context"]).append_column("context_at", contexts.indices)
    return StagedEvents(rows, users, items, tuple(contexts.dictionary.to_pylist()))


def _halves(ids: pa.ChunkedArray) -> npt.NDArray[np.uint64]:
    """Ids of 16 bytes as two numbers each, which are in the same order. Shape: events, 2."""
    column = ids.combine_chunks().cast(pa.binary(_ID_BYTES))
    start = column.offset * _ID_BYTES
    data = np.frombuffer(column.buffers()[1], np.uint8)[start : start + len(column) * _ID_BYTES]
    return data.view(">u8").astype(np.uint64).reshape(-1, 2)


def _each_once(ids: pa.ChunkedArray, of: str) -> tuple[pa.Table, npt.NDArray[np.int32]]:
    """A table of the different ids, in the order of their bytes, and where each one is in it."""
    encoded = ids.combine_chunks().dictionary_encode()
    order = pc.sort_indices(encoded.dictionary).to_numpy()
    ats = np.empty(len(order), np.int32)
    ats[order] = np.arange(1, len(order) + 1, dtype=np.int32)
    table = pa.table({f"{of}_at": ats[order], f"{of}_id": encoded.dictionary.take(order)})
    return table, ats[encoded.indices.to_numpy()]
