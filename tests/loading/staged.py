"""Batches of events as they are staged, without a file."""

from datetime import UTC, datetime

import pyarrow as pa

from loading.staging import StagedEvents, staged_events


def staged_batch(events: list[tuple[bytes, str, str]], *, kind_no: int = 1) -> StagedEvents:
    """Events of such ids, users and items, one after the other."""
    count = len(events)
    at = datetime(2026, 1, 1, tzinfo=UTC)
    return staged_events(
        pa.table(
            {
                "row_no": pa.array(range(1, count + 1), pa.int32()),
                "event_id": pa.array([event_id for event_id, _, _ in events], pa.binary()),
                "user_id": [user_id for _, user_id, _ in events],
                "item_id": [item_id for _, _, item_id in events],
                "kind_no": pa.array([kind_no] * count, pa.int16()),
                "occurred_at": pa.array([at] * count, pa.timestamp("us", "UTC")),
                "time_given": [True] * count,
            }
        )
    )
