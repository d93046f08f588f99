"""Files to be loaded, written in every format, and what is stored of them."""

import csv
import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import Engine, text

from loading.load import load
from loading.options import LoadOptions
from loading.report import LoadReport

Row = dict[str, Any]

EVENTS: list[Row] = [
    {"user_id": "ann", "item_id": "1", "kind": "view", "value": None, "occurred_at": 1_600_000_000},
    {"user_id": "ann", "item_id": "2", "kind": "rate", "value": 4.5, "occurred_at": 1_600_000_060},
    {"user_id": "bob", "item_id": "1", "kind": None, "value": None, "occurred_at": 1_600_000_120},
    {
        "user_id": 'né "q", x',
        "item_id": "2",
        "kind": "like",
        "value": None,
        "occurred_at": 1_600_000_180,
    },
]
STORED_EVENTS = [
    ("ann", "1", "view", None, 1_600_000_000),
    ("ann", "2", "rate", 4.5, 1_600_000_060),
    ("bob", "1", "view", None, 1_600_000_120),
    ('né "q", x', "2", "like", None, 1_600_000_180),
]


def write_csv(path: Path, rows: list[Row], delimiter: str = ",") -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)
    return path


def write_tsv(path: Path, rows: list[Row]) -> Path:
    return write_csv(path, rows, "\t")


def write_jsonl(path: Path, rows: list[Row]) -> Path:
    path.write_text("".join(json.dumps(row, default=str) + "\n" for row in rows))
    return path


def write_parquet(path: Path, rows: list[Row]) -> Path:
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path


def write_gzipped_csv(path: Path, rows: list[Row]) -> Path:
    plain = write_csv(path.with_suffix(".plain"), rows)
    path.write_bytes(gzip.compress(plain.read_bytes()))
    plain.unlink()
    return path


WRITERS: dict[str, Callable[[Path, list[Row]], Path]] = {
    "events.csv": write_csv,
    "tabs.csv": write_tsv,
    "events.tsv": write_tsv,
    "events.jsonl": write_jsonl,
    "events.ndjson": write_jsonl,
    "events.parquet": write_parquet,
    "events.csv.gz": write_gzipped_csv,
}


def stored_events(engine: Engine) -> list[tuple[Any, ...]]:
    query = text(
        "select user_id, item_id, kind, value, extract(epoch from occurred_at)::float8"
        " from interactions join users using (user_no) join items using (item_no)"
        " join event_kinds using (kind_no) order by occurred_at, position"
    )
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(query)]


def stored_items(engine: Engine) -> list[tuple[Any, ...]]:
    query = text(
        "select item_id, title, categories, description, attributes, available"
        " from items order by item_no"
    )
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(query)]


def load_path(
    path: Path | str,
    database_url: str,
    *,
    rejects_path: Path | None = None,
    on_progress: Any = None,
    create_items: bool | None = False,
    **options: Any,
) -> LoadReport:
    """Load one path, without creating items unless that is said."""
    return load(
        [str(path)],
        database_url,
        LoadOptions(create_items=create_items, **options),
        rejects_path=rejects_path,
        on_progress=on_progress,
    )


def counts(report: LoadReport) -> tuple[int, ...]:
    return (
        report.items_new,
        report.items_changed,
        report.items_unchanged,
        report.events_stored,
        report.events_repeated,
    )
