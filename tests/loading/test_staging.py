"""Batches of events as the store takes them."""

from datetime import UTC, datetime

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from loading.staging import staged_events

Event = tuple[bytes, str, str]

# Few ids, so that they repeat; some differ in one half alone, and some have the highest bit.
EVENT_IDS = st.sampled_from(
    [bytes([first, *[0] * 14, last]) for first in (0, 127, 128, 255) for last in (0, 1, 255)]
)
NAMES = st.sampled_from(["a", "A", "b", "é", "ab", "a b", "中"])
EVENTS = st.lists(st.tuples(EVENT_IDS, NAMES, NAMES), max_size=40)


def batch_of(events: list[Event]) -> pa.Table:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    table = pa.table(
        {
            "row_no": pa.array(range(1, len(events) + 1), pa.int32()),
            "event_id": pa.array([event_id for event_id, _, _ in events], pa.binary()),
            "user_id": [user_id for _, user_id, _ in events],
            "item_id": [item_id for _, _, item_id in events],
            "occurred_at": [at] * len(events),
        }
    )
    # As DuckDB's are once some were rejected: in pieces, which begin somewhere.
    return pa.concat_tables([table.slice(0, 1), table.slice(1)])


@given(EVENTS)
def test_staged_events_say_what_the_batch_said(events: list[Event]) -> None:
    staged = staged_events(batch_of(events))
    users = dict(zip(*staged.users.to_pydict().values(), strict=True))
    items = dict(zip(*staged.items.to_pydict().values(), strict=True))
    rows = {
        row["row_no"]: (row["event_id"], users[row["user_at"]], items[row["item_at"]])
        for row in staged.events.to_pylist()
    }
    assert rows == dict(enumerate(events, 1))


@given(EVENTS)
def test_users_and_items_are_staged_once_each_counted_from_1(events: list[Event]) -> None:
    staged = staged_events(batch_of(events))
    for table, name, ids in (
        (staged.users, "user", {user_id for _, user_id, _ in events}),
        (staged.items, "item", {item_id for _, _, item_id in events}),
    ):
        assert sorted(table[f"{name}_id"].to_pylist()) == sorted(ids)
        assert sorted(table[f"{name}_at"].to_pylist()) == list(range(1, len(ids) + 1))


@given(EVENTS)
def test_staged_events_are_in_the_order_of_ids_and_the_first_row_of_an_id_is_marked(
    events: list[Event],
) -> None:
    rows = staged_events(batch_of(events)).events.to_pylist()
    keys = [(row["event_id"], row["row_no"]) for row in rows]
    assert keys == sorted(keys)
    firsts: dict[bytes, int] = {}
    for event_id, row_no in keys:
        firsts.setdefault(event_id, row_no)
    assert {row["row_no"] for row in rows if row["is_first"]} == set(firsts.values())
