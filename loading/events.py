"""Events of a table: each row checked by DuckDB, and made ready to be stored."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import duckdb
import pyarrow as pa

from domain.interactions import EventKind
from loading.events_query import events_query
from loading.plans import EventsPlan
from loading.reasons import Reason
from loading.rejects import Reject
from loading.tables import unreadable

EVENTS_AT_ONCE = 25_000
"""Events in one transaction: live events wait for it to be seen by the speed layer."""
_IS_UNREAD = "is_context_unread"


@dataclass(frozen=True, slots=True)
class EventBatch:
    """Some events that may be stored, and rows that may not."""

    table: pa.Table
    """row_no, event_id (16 bytes), user_id, item_id, kind_no, value, least, greatest,
    occurred_at, time_given, recommendation_id (16 bytes); and context, as JSON, if the file has
    any."""
    rejects: list[Reject]
    rows: int
    """How many rows of the file these are."""
    left_out: int
    """Rows of kinds that are left out."""
    contexts_unread: int
    """Events of the table without the context that they came with, as it was faulty."""


def checked_events(
    duck: duckdb.DuckDBPyConnection, plan: EventsPlan, kinds: Sequence[EventKind], now: datetime
) -> str:
    """The name of a view with one row for each row of the table: typed columns, `reason` and `raw`.

    `reason` is null for an event that may be stored, and '' for one that is left out.
    """
    view = f"{plan.table.view}_events"
    duck.execute(f"create or replace view {view} as {events_query(plan, kinds, now)}")
    return view


def event_batches(
    duck: duckdb.DuckDBPyConnection, plan: EventsPlan, view: str
) -> Iterator[EventBatch]:
    """The events of a view of `checked_events`, some at a time.

    Raises InvalidInputError where the file is damaged.
    """
    try:
        reader = duck.sql(f"select * from {view}").to_arrow_reader(EVENTS_AT_ONCE)
        for batch in reader:
            yield _split(plan, pa.Table.from_batches([batch]))
    except duckdb.Error as error:
        raise unreadable(plan.table.source, error) from error


def _split(plan: EventsPlan, rows: pa.Table) -> EventBatch:
    good = rows["reason"].is_null()
    bad = rows.filter(pa.compute.invert(good)).select(["row_no", "reason", "raw"]).to_pylist()
    rejects = [
        Reject(
            plan.table.source.name,
            plan.table.line_of(row["row_no"]),
            Reason(row["reason"]),
            row["raw"],
        )
        for row in bad
        if row["reason"]
    ]
    kept = rows.filter(good).drop_columns(["reason", "raw"])
    unread = 0
    if _IS_UNREAD in kept.column_names:
        unread = pa.compute.sum(kept[_IS_UNREAD]).as_py() or 0
        kept = kept.drop_columns([_IS_UNREAD])
    return EventBatch(kept, rejects, rows.num_rows, len(bad) - len(rejects), unread)
