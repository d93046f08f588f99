"""Model runs as the command line shows them."""

import re
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection

from domain.errors import UnknownRunError
from sql import runs
from sql.runs import ModelRun

_TIMES = ("cut_off_at", "started_at", "finished_at")

LIVE = "live"
LATEST = "latest"
_NUMBER = re.compile(r"[0-9]{1,9}")

RunRecord = dict[str, Any]
"""run_id, state, live, cut_off_at, started_at, finished_at (ISO 8601), seconds, reason, metrics:
flat ones; a run shown by itself has the `evaluation` in them, and `parameters`, `step_seconds`."""


def load_runs(connection: Connection, limit: int | None = None) -> list[RunRecord]:
    """The newest runs first."""
    return [_record(run) for run in runs.load_runs(connection, limit=limit)]


def find_live_run(connection: Connection) -> RunRecord | None:
    """The run being served; None before the first."""
    return _record_or_none(runs.find_live_run(connection))


def find_run(connection: Connection, run_id: int) -> RunRecord | None:
    """One run, with all that is known of it; None if there never was such a run."""
    return _record_or_none(runs.find_run(connection, run_id))


def find_named_run(connection: Connection, name: str) -> RunRecord:
    """A run by its number, or the one called `live` or `latest`.

    Raises UnknownRunError if there is no such run.
    """
    if name == LIVE:
        run_no = runs.find_live_run_no(connection)
    elif name == LATEST:
        run_no = runs.newest_run_no(connection)
    elif _NUMBER.fullmatch(name):
        run_no = int(name)
    else:
        raise UnknownRunError(f"{name!r} names no run: give its number, {LIVE} or {LATEST}.")
    record = None if run_no is None else find_run(connection, run_no)
    if record is None:
        raise UnknownRunError(f"There is no run {name}. The runs there are: tandem runs")
    return record


def accuracy(record: RunRecord) -> str:
    """The figure people look at first, beside that of the popular list; empty if not measured."""
    measured = record["metrics"].get("ndcg@20")
    if measured is None:
        return ""
    popular = record["metrics"].get("popularity_ndcg@20")
    beside = "" if popular is None else f" (popular list {popular:.4f})"
    return f"nDCG@20 {measured:.4f}{beside}"


def _record_or_none(run: ModelRun | None) -> RunRecord | None:
    return None if run is None else _record(run)


def _record(run: ModelRun) -> RunRecord:
    record = asdict(run)
    if run.parameters is None:
        del record["parameters"], record["step_seconds"]
    for name in _TIMES:
        if record[name] is not None:
            record[name] = record[name].isoformat()
    return record
