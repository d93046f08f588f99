"""A made-up history copied straight into an empty log: as a file it would take hours to load."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from sqlalchemy import Connection, Engine, text

from batch.bulk import append, bulk_connection
from batch.history.interactions import Interactions
from benchmarks.own_night import OnStep
from stack.database import using_engine

_AT_ONCE = 1_000_000
_TABLES = ("interactions", "event_receipts")

_INDEXES = text(
    "select indexrelid::regclass::text as name,"
    " replace(pg_get_indexdef(indexrelid), ' ON ONLY ', ' ON ') as definition, conname,"
    " pg_get_constraintdef(pg_constraint.oid) as of_constraint"
    " from pg_index left join pg_constraint on conindid = indexrelid and conrelid = indrelid"
    " where indrelid = cast(:table_name as regclass) order by indexrelid"
)
_CATALOGUE = text(
    "insert into items (item_id, title) select 'item-' || n, 'item-' || n"
    " from generate_series(1, :items) as n"
)
_USERS = text("insert into users (user_id) select 'user-' || n from generate_series(1, :users) n")
_STAGE = text(
    "create unlogged table made_events (position bigint, user_no integer, item_no integer,"
    " kind_no smallint, occurred_at timestamptz)"
)
_EMPTY = text("truncate made_events")
_STORE = text(
    "with logged as (insert into interactions (position, event_id, user_no, item_no, kind_no,"
    " occurred_at) select position, gen_random_uuid(), user_no, item_no, kind_no, occurred_at"
    " from made_events order by position returning event_id, position, occurred_at)"
    " insert into event_receipts select event_id, position, occurred_at from logged"
)
_DROP_STAGE = text("drop table made_events")
_POSITIONS = text("select setval('interaction_positions', :events)")


@dataclass(frozen=True, slots=True)
class _Index:
    """An index, and how to make it again."""

    name: str
    drop: str
    create: str


def copy_log(
    owner_url: str, history: Interactions, *, users: int, items: int, on_step: OnStep
) -> None:
    """Fill the empty database of this owner with users, items and the history.

    The history has users and items from 1 on, in the order of time. Indexes of the log are made at
    the end, and each is told to `on_step`.
    """
    with using_engine(owner_url) as engine:
        on_step("making users and items")
        with engine.begin() as connection:
            connection.execute(_CATALOGUE, {"items": items})
            connection.execute(_USERS, {"users": users})
            connection.execute(_STAGE)
            indexes = [index for table in _TABLES for index in _indexes_of(connection, table)]
            for index in indexes:
                connection.execute(text(index.drop))
        _copy(engine, owner_url, history, on_step)
        for index in indexes:
            on_step(f"making {index.name}")
            with engine.begin() as connection:
                connection.execute(text(index.create))
        with engine.begin() as connection:
            connection.execute(_DROP_STAGE)
            connection.execute(_POSITIONS, {"events": len(history)})


def _indexes_of(connection: Connection, table: str) -> list[_Index]:
    rows = connection.execute(_INDEXES, {"table_name": table}).all()
    return [
        _Index(row.name, f"drop index {row.name}", row.definition)
        if row.conname is None
        else _Index(
            row.name,
            f"alter table {table} drop constraint {row.conname}",
            f"alter table {table} add constraint {row.conname} {row.of_constraint}",
        )
        for row in rows
    ]


def _copy(engine: Engine, owner_url: str, history: Interactions, on_step: OnStep) -> None:
    with bulk_connection(owner_url) as bulk:
        for part in history.slices(_AT_ONCE):
            append(bulk, "made_events", _columns(history, part))
            with engine.begin() as connection:
                connection.execute(_STORE)
                connection.execute(_EMPTY)
            on_step(f"{part.stop:,} of {len(history):,} events are copied")


def _columns(history: Interactions, part: slice) -> dict[str, pa.Array]:
    return {
        "position": pa.array(np.arange(part.start + 1, part.stop + 1, dtype=np.int64)),
        "user_no": pa.array(history.user_nos[part]),
        "item_no": pa.array(history.item_nos[part]),
        "kind_no": pa.array(history.kind_nos[part]),
        "occurred_at": pa.array(history.occurred_at[part]).cast(pa.timestamp("us", "UTC")),
    }
