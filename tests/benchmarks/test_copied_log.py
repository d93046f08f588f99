"""A made-up history in the log: what a night reads of it, and the indexes it is read by."""

import numpy as np
from sqlalchemy import Engine, text

from batch.bulk import bulk_connection
from batch.history.interactions import load_interactions
from benchmarks.copied_log import copy_log
from benchmarks.made_history import made_history
from sql.log import event_horizon, load_kinds

INDEXES = text(
    "select indexname, indexdef from pg_indexes where tablename ~ '^(interactions|event_receipts)'"
    " order by indexname"
)


def test_a_night_reads_what_was_copied(engine: Engine, owner_url: str) -> None:
    with engine.connect() as connection:
        indexes = connection.execute(INDEXES).all()
    history = made_history(users=50, items=20, events=1_000, seed=0)
    copy_log(owner_url, history, users=50, items=20, on_step=lambda _step: None)
    with engine.connect() as connection:
        kinds, horizon = load_kinds(connection), event_horizon(connection)
        assert connection.execute(INDEXES).all() == indexes
        receipts = connection.execute(text("select count(*) from event_receipts")).scalar_one()
    with bulk_connection(owner_url) as bulk:
        read = load_interactions(bulk, kinds, horizon)
    assert horizon == receipts == len(read) == len(history)
    copied, made = read.in_time_order(), history.in_time_order()
    for name in ("user_nos", "item_nos", "kind_nos", "occurred_at"):
        assert np.array_equal(getattr(copied, name), getattr(made, name)), name
