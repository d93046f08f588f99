"""Model runs: begun, judged, ended and cleared away. Every function takes a connection."""

import json
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from batch.parameters import ListRecipe, RunParameters
from domain.errors import RunInProgressError
from domain.identifiers import Position, RunId
from sql.log import event_horizon
from sql.statements import statements

_BATCH = statements("batch")

DEAD = "The process died before the run ended."


@dataclass(frozen=True, slots=True)
class Run:
    """A run that has begun."""

    run_id: RunId
    cut_off: Position
    """It learns from the log up to here."""
    cut_off_at: datetime
    parameters: RunParameters


@dataclass(frozen=True, slots=True)
class ServedRun:
    """What the gate has to know of the run being served."""

    run_id: RunId
    recipe: ListRecipe
    interactions: int | None


@contextmanager
def nightly_lock(connection: Connection) -> Iterator[None]:
    """Be the only nightly run for the length of the block; RunInProgressError if there is one.

    The lock belongs to the session, so it ends with the process however that dies. `connection`
    must be in autocommit: an open transaction of that length would keep dead rows from vacuum.
    """
    if not connection.execute(_BATCH["take_nightly_lock"]).scalar_one():
        raise RunInProgressError
    try:
        yield
    finally:
        connection.execute(_BATCH["give_back_nightly_lock"])


def begin_run(
    connection: Connection, parameters: RunParameters, flow_run_id: uuid.UUID | None
) -> Run:
    """Begin a run that learns from everything stored by now."""
    cut_off = event_horizon(connection)
    row = connection.execute(
        _BATCH["begin_run"],
        {
            "cut_off_position": cut_off,
            "parameters": json.dumps(parameters.described()),
            "flow_run_id": flow_run_id,
        },
    ).one()
    return Run(RunId(row.run_id), cut_off, row.cut_off_at, parameters)


def find_served_run(connection: Connection) -> ServedRun | None:
    """The run being served; None before the first is published."""
    row = connection.execute(_BATCH["find_served_run"]).one_or_none()
    if row is None:
        return None
    return ServedRun(RunId(row.run_id), ListRecipe.told(row.recipe or {}), row.interactions)


def store_metrics(connection: Connection, run_id: RunId, metrics: Mapping[str, Any]) -> None:
    """Add figures to those the run has; what JSON can tell."""
    connection.execute(
        _BATCH["store_metrics"], {"run_id": run_id, "metrics": json.dumps(dict(metrics))}
    )


def store_step_seconds(connection: Connection, run_id: RunId, step: str, seconds: float) -> None:
    """Note how long a step took."""
    connection.execute(
        _BATCH["store_step_seconds"], {"run_id": run_id, "step": step, "seconds": seconds}
    )


def mark_evaluated(connection: Connection, run_id: RunId) -> None:
    """The gate let the run pass."""
    connection.execute(_BATCH["mark_evaluated"], {"run_id": run_id})


def mark_refused(connection: Connection, run_id: RunId, reason: str) -> None:
    """The gate refused the run."""
    _end(connection, run_id, "refused", reason)


def mark_failed(connection: Connection, run_id: RunId, reason: str) -> None:
    """The run broke down; a run that is published or refused already stays what it is."""
    _end(connection, run_id, "failed", reason)


def settle_dead_runs(connection: Connection) -> list[RunId]:
    """Mark runs whose process died as failed. Only who holds the nightly lock may call this."""
    dead = [RunId(no) for no in connection.execute(_BATCH["find_dead_runs"]).scalars()]
    for run_id in dead:
        mark_failed(connection, run_id, DEAD)
    return dead


def find_leftover_runs(connection: Connection) -> list[RunId]:
    """Failed and refused runs whose partitions are still there."""
    return list(connection.execute(_BATCH["find_leftover_runs"]).scalars())


def find_runs_to_retire(connection: Connection, retained: int) -> list[RunId]:
    """Published runs beyond the newest `retained`, the served one never among them."""
    return list(connection.execute(_BATCH["find_runs_to_retire"], {"retained": retained}).scalars())


def create_partitions(connection: Connection, run_id: RunId) -> None:
    """Make the run's partitions; OperationalError if readers hold the tables too long."""
    connection.execute(_BATCH["limit_lock_wait"])
    connection.execute(_BATCH["create_run_partitions"], {"run_id": run_id})


def drop_partitions(connection: Connection, run_id: RunId) -> None:
    """Drop the run's partitions; OperationalError if readers hold the tables too long."""
    connection.execute(_BATCH["limit_lock_wait"])
    connection.execute(_BATCH["drop_run_partitions"], {"run_id": run_id})


def retire(connection: Connection, run_id: RunId) -> None:
    """Drop what a published run is made of; its row stays."""
    drop_partitions(connection, run_id)
    connection.execute(_BATCH["mark_retired"], {"run_id": run_id})


def _end(connection: Connection, run_id: RunId, state: str, reason: str) -> None:
    connection.execute(_BATCH["end_run"], {"run_id": run_id, "state": state, "reason": reason})
