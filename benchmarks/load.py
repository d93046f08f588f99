"""How fast a CSV file of events is loaded, beside COPY of rows that are ready.

python -m benchmarks load [--events 1000000] [--log 0] [--no-restart] [--json]
"""

import json
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import pyarrow as pa
import typer
from adbc_driver_postgresql import dbapi

from benchmarks.command import Seed, run_command
from benchmarks.loaded_files import new_database, progress, served_folder
from benchmarks.made_events import write_events, write_items
from stack.cli.options import AsJson
from stack.local.servers.postgres import PostgresServer, running_postgres

_DATABASE = "loaded"
_USERS_PER_ITEM = 5
_MIB = 1024

_LOAD = """
import sys, time
from loading.load import load
from loading.options import LoadOptions
began = time.perf_counter()
report = load(sys.argv[2:], sys.argv[1], LoadOptions())
seconds = time.perf_counter() - began
with open("/proc/self/status") as status:
    peak_kib = next(line.split()[1] for line in status if line.startswith("VmHWM"))
rejected = sum(report.rejected.values())
print(report.events_stored, report.events_repeated, rejected, seconds, peak_kib)
"""
_READY = (
    "select event_id, position, occurred_at from event_receipts order by position",
    (
        "select position, event_id, user_no, item_no, kind_no, scale_no, value, strength, load_no,"
        " occurred_at, received_at from interactions order by position"
    ),
)


@dataclass(frozen=True, slots=True)
class Measured:
    """What loading took."""

    events: int
    log_before: int
    """Events in the log before."""
    restarted: bool
    """Whether PostgreSQL was started again with these: its buffers follow the data it finds."""
    seconds: float
    per_second: float
    copy_per_second: float
    """Rows a second of COPY of the same rows, ready, into a log with its indexes and receipts."""
    ratio: float
    """Of the two."""
    peak_mib: float
    """The largest size of the process that loads."""


def load(
    *,
    events: Annotated[int, typer.Option(min=1_000, help="Events in the file.")] = 1_000_000,
    log: Annotated[int, typer.Option(min=0, help="Events in the log before.")] = 0,
    restart: Annotated[bool, typer.Option(help="Start again once the log is there.")] = True,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> int:
    """Load made-up events of users of very different activity with items of a catalogue."""
    users, items = _sizes(events + log)
    write = partial(write_events, users=users, items=items)
    with progress() as on_step, served_folder() as folder, ExitStack() as servers:
        server = servers.enter_context(running_postgres(folder / "postgres"))
        url = new_database(server, _DATABASE)
        _run(url, write_items(folder / "items.csv", items))
        if log:
            on_step(f"a log of {log:,} events before")
            _run(url, write(folder / "before.csv", log, seed=seed + 1))
        restarted = restart and log > 0
        if restarted:
            servers.close()
            server = servers.enter_context(running_postgres(folder / "postgres"))
        path = write(folder / "events.csv", events, seed=seed)
        measured = _measure(server, path, on_step, events=events, log=log, restarted=restarted)
    if as_json:
        typer.echo(json.dumps(asdict(measured)))
    else:
        typer.echo(
            f"{measured.events:,} events in {measured.seconds:.1f} s: {measured.per_second:,.0f} a"
            f" second, {measured.ratio:.2f} of COPY of ready rows"
            f" ({measured.copy_per_second:,.0f}); peak {measured.peak_mib:,.0f} MiB"
        )
    return 0


def _measure(
    server: PostgresServer, path: Path, on_step: Any, *, events: int, log: int, restarted: bool
) -> Measured:
    url = server.url(_DATABASE)
    on_step(f"loading {events:,} events, {path.stat().st_size / 1e6:,.0f} MB")
    stored, repeated, rejected, seconds, peak_mib = _run(url, path)
    if stored != events:
        raise RuntimeError(f"{stored} of {events} stored, {repeated} repeated, {rejected} rejected")
    on_step("COPY of the same rows, ready")
    copied = _copy(server, url, events, log)
    rate, copy_rate = events / seconds, events / copied
    return Measured(events, log, restarted, seconds, rate, copy_rate, rate / copy_rate, peak_mib)


def _run(url: str, path: Path) -> tuple[int, int, int, float, float]:
    """Load in a process of its own: events stored, repeated, rejected, seconds and peak MiB."""
    command = [sys.executable, "-c", _LOAD, url, str(path)]
    done = subprocess.run(  # noqa: S603
        command, check=True, capture_output=True, text=True, cwd=path.parent
    )
    stored, repeated, rejected, seconds, peak_kib = done.stdout.split()
    return int(stored), int(repeated), int(rejected), float(seconds), float(peak_kib) / _MIB


def _copy(server: PostgresServer, url: str, events: int, log: int) -> float:
    """Seconds of COPY of the newest `events` rows into a log that has the others already."""
    other = new_database(server, "copied")
    tables = []
    with dbapi.connect(url) as connection, connection.cursor() as cursor:
        for query in _READY:
            cursor.execute(query)
            tables.append(_with_bytes(cursor.fetch_arrow_table()))
    with dbapi.connect(other) as connection, connection.cursor() as cursor:
        for name, table in zip(("event_receipts", "interactions"), tables, strict=True):
            if log:
                cursor.adbc_ingest(name, table.slice(0, log), mode="append")
        connection.commit()
        began = time.perf_counter()
        for name, table in zip(("event_receipts", "interactions"), tables, strict=True):
            cursor.adbc_ingest(name, table.slice(log, events), mode="append")
        connection.commit()
        return time.perf_counter() - began


def _with_bytes(table: pa.Table) -> pa.Table:
    """UUIDs as 16 bytes, as COPY takes them."""
    at = table.schema.get_field_index("event_id")
    column = table.column(at)
    storage = pa.chunked_array([getattr(chunk, "storage", chunk) for chunk in column.chunks])
    return table.set_column(at, "event_id", storage.cast(pa.binary()))


def _sizes(events: int) -> tuple[int, int]:
    """Users and items for so many events: about 20 a user."""
    users = max(events // 20, 100)
    return users, max(users // _USERS_PER_ITEM, 50)


def main() -> None:
    """Measure as the command line says."""
    run_command(load)


if __name__ == "__main__":
    main()
