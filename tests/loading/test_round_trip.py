"""Whatever events are written in a format are the interactions that are stored."""

import csv
import json
import uuid
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from domain.identifiers import event_uuid, id_fault
from loading.plans import NO_ID
from loading.reasons import Reason
from tests.loading.written_files import load_path

EARLY = datetime(1990, 1, 1, tzinfo=UTC).replace(tzinfo=None)
LATE = datetime(2025, 1, 1, tzinfo=UTC).replace(tzinfo=None)


@dataclass(frozen=True)
class Event:
    event_id: str
    user_id: str
    item_id: str
    kind: str
    value: float | None
    occurred_at: datetime


# Any character that PostgreSQL and UTF-8 can hold, and those that CSV is particular about.
CHARACTERS = st.characters(codec="utf-8", exclude_categories=("Cc",)) | st.sampled_from('", |')
IDS = st.text(CHARACTERS, min_size=1, max_size=12).filter(
    lambda text: id_fault(text) is None and text.lower() not in NO_ID
)
EVENTS = st.builds(
    Event,
    event_id=st.uuids().map(str) | IDS,
    user_id=IDS,
    item_id=IDS,
    kind=st.just("rate"),
    value=st.floats(1, 5, width=32),
    occurred_at=st.datetimes(
        EARLY,
        LATE,
        timezones=st.just(UTC),
    ),
)


def write(folder: Path, suffix: str, events: list[Event]) -> Path:
    path = folder / f"events.{suffix}"
    rows = [asdict(event) for event in events]
    if suffix == "parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif suffix == "jsonl":
        path.write_text("".join(f"{json.dumps(row, default=str)}\n" for row in rows))
    else:
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(rows[0]), delimiter="," if suffix == "csv" else "\t")
            writer.writeheader()
            writer.writerows(rows)
    return path


def stored(engine: Engine) -> dict[uuid.UUID, tuple[Any, ...]]:
    query = text(
        "select event_id, user_id, item_id, kind, value::float8, occurred_at"
        " from interactions join users using (user_no) join items using (item_no)"
        " join event_kinds using (kind_no)"
    )
    with engine.begin() as connection:
        rows = {row[0]: tuple(row)[1:] for row in connection.execute(query)}
        connection.execute(text("delete from interactions"))
        connection.execute(text("delete from event_receipts"))
        return rows


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    events=st.lists(EVENTS, min_size=1, max_size=8, unique_by=lambda event: event.event_id),
    repeated=st.booleans(),
    suffix=st.sampled_from(["csv", "tsv", "jsonl", "parquet"]),
)
def test_events_written_in_any_format_are_stored_as_they_are(
    database_url: str,
    engine: Engine,
    tmp_path: Path,
    events: list[Event],
    suffix: str,
    *,
    repeated: bool,
) -> None:
    events = [*events, events[0]] if repeated else events
    path = write(tmp_path, suffix, events)
    rejects = tmp_path / "rejects"
    report = load_path(
        path,
        database_url,
        create_items=True,
        scale="1:10",
        split="-",
        guests="-",
        rejects_path=rejects,
    )
    # Of several with one id the first counts.
    expected = {event_uuid(event.event_id): event for event in reversed(events)}
    conflicts = sum(
        replace(event, event_id="") != replace(expected[event_uuid(event.event_id)], event_id="")
        for event in events
    )
    assert sum(report.rejected.values()) == report.rejected.get(Reason.CONFLICT, 0) == conflicts
    assert (report.events_stored, report.events_repeated) == (
        len(expected),
        len(events) - len(expected) - conflicts,
    )
    assert stored(engine) == {
        event_id: (
            event.user_id,
            event.item_id,
            event.kind,
            None if event.value is None else float(event.value),
            event.occurred_at,
        )
        for event_id, event in expected.items()
    }
