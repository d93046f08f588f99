"""A log of many events for real: its size, vacuum, what is asked of it, and a night.

    python -m benchmarks large-log [--users 20000] [--items 5000] [--events 1000000] [--no-night]

The events are made up and copied in, with their receipts, and the indexes made after them. Then the
log is vacuumed; one user in a hundred is deleted from it, and it is vacuumed again. Histories of
users are read and single events recorded, each by the statement of the product. At last a night
learns from it (`TANDEM_BATCH_FACTORS` and others as usual), and the peak memory of each of its
steps is told.
"""

import json
import os
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from sqlalchemy import Connection, Engine, text

from benchmarks.command import Seed, run_command
from benchmarks.copied_log import copy_log
from benchmarks.loaded_files import progress
from benchmarks.made_history import made_history
from benchmarks.own_night import OnStep, night_in, own_stores
from benchmarks.peak_memory import WatchedNight
from domain.identifiers import ItemNo, KindNo, UserId
from sql.log import NewEvent, record_parameters
from sql.statements import as_array, statements
from stack.cli.options import AsJson
from stack.database import using_engine
from stack.local.home import Home
from stack.local.stores import Stores

_MIB, _MS = 1024.0 * 1024.0, 1000.0
_ASKED = 1_000
_NEWEST_EVENTS = 1_000
_DELETED_SHARE = 100
_ALL = 2**62
"""A horizon that is beyond every position."""

_LOG = statements("log")

_LIVE_FACTORS = {"TANDEM_BATCH_LIVE_FACTORS": "64"}

_SIZES = text(
    "select relname as name, pg_relation_size(oid) as bytes from pg_class"
    " where relname ~ '^(interactions|event_receipts)' and relkind in ('r', 'i')"
    " and pg_relation_size(oid) > 10 * 1024 * 1024 order by relname"
)
_DELETE = text(
    "with gone as (delete from interactions where user_no % :share = 7 returning event_id)"
    " delete from event_receipts using gone where event_receipts.event_id = gone.event_id"
)
_OF_RUN = text(
    "select extract(epoch from finished_at - started_at) as seconds, step_seconds,"
    " parameters -> 'lists' ->> 'factors' as factors"
    " from model_runs join live_run using (run_id)"
)


def measure(
    *,
    users: Annotated[int, typer.Option(min=100, help="Made-up users.")] = 20_000,
    items: Annotated[int, typer.Option(min=10, help="Made-up items.")] = 5_000,
    events: Annotated[int, typer.Option(min=1000, help="Made-up events.")] = 1_000_000,
    night: Annotated[bool, typer.Option(help="Learn from it.")] = True,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> int:
    """Fill a log, and measure what becomes of it."""
    figures: dict[str, Any] = {"users": users, "items": items, "events": events}
    with progress() as on_step, own_stores(durable=True) as (home, stores):
        owner = stores.database.owner
        figures["seconds: copy"] = _timed(
            lambda: copy_log(
                owner,
                made_history(users=users, items=items, events=events, seed=seed),
                users=users,
                items=items,
                on_step=on_step,
            )
        )
        with using_engine(owner) as engine:
            _look_after(engine, figures, on_step)
            _ask(engine, figures, users, items, seed)
        if night:
            _learn(figures, home, stores, on_step)
    figures["load"] = round(os.getloadavg()[0], 1)
    if as_json:
        typer.echo(json.dumps(figures))
        return 0
    for name, figure in figures.items():
        Console(highlight=False).print(f"{name:56}{figure:>16}")
    return 0


def _look_after(engine: Engine, figures: dict[str, Any], on_step: OnStep) -> None:
    """Vacuum as it is, and once more after some users are deleted."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for row in connection.execute(_SIZES):
            figures[f"mib: {row.name}"] = round(row.bytes / _MIB)
        for name, task in (
            ("first vacuum", lambda: _vacuum(connection)),
            ("delete", lambda: connection.execute(_DELETE, {"share": _DELETED_SHARE})),
            ("vacuum after it", lambda: _vacuum(connection)),
        ):
            on_step(name)
            figures[f"seconds: {name}"] = _timed(task)


def _vacuum(connection: Connection) -> None:
    for table in ("interactions", "event_receipts"):
        connection.execute(text(f"vacuum (analyze) {table}"))


def _ask(engine: Engine, figures: dict[str, Any], users: int, items: int, seed: int) -> None:
    user_nos = np.random.default_rng(seed).integers(1, users + 1, _ASKED).tolist()
    with engine.connect() as connection:
        for name, ask in (
            ("read a history", partial(_read_history, connection)),
            ("record an event", partial(_record_event, connection, items)),
        ):
            seconds = [_timed(partial(ask, user_no)) for user_no in user_nos]
            for percent in (50, 99):
                figures[f"ms: {name}, p{percent}"] = round(np.percentile(seconds, percent) * _MS, 2)


def _read_history(connection: Connection, user_no: int) -> None:
    asked = {"user_nos": as_array([user_no]), "horizon": _ALL, "events": _NEWEST_EVENTS}
    connection.execute(_LOG["load_histories"], asked).all()


def _record_event(connection: Connection, items: int, user_no: int) -> None:
    user_id, item_no = UserId(f"user-{user_no}"), ItemNo(user_no % items + 1)
    event = NewEvent(uuid.uuid4(), user_id, item_no, KindNo(1), None, datetime.now(UTC))
    connection.execute(_LOG["record_events"], record_parameters([event])).all()
    connection.commit()


def _learn(figures: dict[str, Any], home: Home, stores: Stores, on_step: OnStep) -> None:
    watched = WatchedNight()
    with (
        night_in(home, stores, on_step, _LIVE_FACTORS, watched.listen) as run,
        run.engine.connect() as connection,
    ):
        row = connection.execute(_OF_RUN).one()
    figures["factors"] = row.factors
    figures["seconds: night"] = round(float(row.seconds), 1)
    figures["mib: night"] = round(max(watched.peaks.values()))
    figures |= {f"seconds: {step}": seconds for step, seconds in dict(row.step_seconds).items()}
    figures |= {f"mib: {step}": round(peak) for step, peak in watched.peaks.items()}


def _timed(task: Callable[[], Any]) -> float:
    started = time.perf_counter()
    task()
    return round(time.perf_counter() - started, 6)


def main() -> None:
    """Measure as the command line says."""
    run_command(measure)


if __name__ == "__main__":
    main()
