"""Model runs: begun, judged, ended and cleared away. Every function takes a connection."""

import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row

from batch.parameters import ListHyperparameters, LiveWeights, RunParameters
from domain.errors import RunInProgressError
from domain.identifiers import Position, RunId
from sql import partitions
from sql.locks import NIGHT, session_lock
from sql.log import event_horizon
from sql.promotion import lock_promotion
from sql.statements import statements

_BATCH = statements("batch")

DEAD = "The process died before the run ended."

LONGEST_WAIT = "20s"
"""For those who still read a run that is to be cleared away; then it is left to the next night."""


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
    """What the promotion gate has to know of the run being served."""

    run_id: RunId
    hyperparameters: ListHyperparameters
    interactions: int | None


@contextmanager
def nightly_lock(connection: Connection) -> Iterator[None]:
    """Be the only nightly run for the length of the block; RunInProgressError if there is one.

    `connection` must be in autocommit.
    """
    with session_lock(connection, NIGHT) as is_held:
        if not is_held:
            raise RunInProgressError
        yield


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
    return ServedRun(
        RunId(row.run_id),
        ListHyperparameters.from_dict(row.hyperparameters or {}),
        row.interactions,
    )


def find_judged_run_since(connection: Connection, since: datetime) -> RunId | None:
    """The newest run that began at a time or later and was published or refused; None: no one."""
    run_id = connection.execute(_BATCH["find_judged_run_since"], {"since": since}).scalar()
    return None if run_id is None else RunId(run_id)


def store_metrics(connection: Connection, run_id: RunId, metrics: Mapping[str, Any]) -> None:
    """Add figures to those the run has; what JSON can hold."""
    connection.execute(
        _BATCH["store_metrics"], {"run_id": run_id, "metrics": json.dumps(dict(metrics))}
    )


def store_parameters(
    connection: Connection, run_id: RunId, **chosen: ListHyperparameters | LiveWeights
) -> None:
    """Write anew some of what a run is made by: the fields of `RunParameters` that are given."""
    parameters = {name: asdict(group) for name, group in chosen.items()}
    connection.execute(
        _BATCH["store_parameters"], {"run_id": run_id, "parameters": json.dumps(parameters)}
    )


def store_step_seconds(connection: Connection, run_id: RunId, step: str, seconds: float) -> None:
    """Note how long a step took."""
    connection.execute(
        _BATCH["store_step_seconds"], {"run_id": run_id, "step": step, "seconds": seconds}
    )


def mark_evaluated(connection: Connection, run_id: RunId) -> None:
    """The promotion gate let the run pass."""
    connection.execute(_BATCH["mark_evaluated"], {"run_id": run_id})


def mark_refused(connection: Connection, run_id: RunId, reason: str) -> None:
    """The promotion gate refused the run."""
    _end(connection, run_id, "refused", reason)


def mark_failed(connection: Connection, run_id: RunId, reason: str) -> None:
    """The run broke down; a run that is published or refused already stays what it is."""
    _end(connection, run_id, "failed", reason)


def settle_dead_runs(connection: Connection) -> list[tuple[RunId, uuid.UUID | None]]:
    """Mark runs whose process died as failed; answers them with their flow runs.

    Only who holds the nightly lock may call this.
    """
    dead = [(RunId(row.run_id), row.flow_run_id) for row in _rows(connection, "find_dead_runs")]
    for run_id, _ in dead:
        mark_failed(connection, run_id, DEAD)
    return dead


def find_leftover_runs(connection: Connection) -> list[RunId]:
    """Failed, refused and retired runs whose partitions are still there."""
    return list(connection.execute(_BATCH["find_leftover_runs"]).scalars())


def find_runs_to_retire(connection: Connection, retained: int, days: float) -> list[RunId]:
    """Published runs beyond the newest `retained` or older than `days`; never the served one."""
    parameters = {"retained": retained, "days": days}
    return list(connection.execute(_BATCH["find_runs_to_retire"], parameters).scalars())


def retire(connection: Connection, run_id: RunId) -> bool:
    """Retire a published run: it is read no longer from the commit on, and its row stays.

    False, and nothing has changed, if it is being served by now. Its partitions are left to
    `drop_partitions`.
    """
    lock_promotion(connection)
    return connection.execute(_BATCH["retire_run"], {"run_id": run_id}).first() is not None


def drop_partitions(session: Connection, run_id: RunId) -> None:
    """Take the partitions of a run away that nobody reads; `session` must be in autocommit.

    OperationalError if somebody reads so long that it was broken off; the next call goes on.
    """
    session.execute(_BATCH["limit_lock_wait"], {"longest": LONGEST_WAIT})
    partitions.drop_partitions(session, run_id)


def _rows(connection: Connection, statement: str) -> Sequence[Row[Any]]:
    return connection.execute(_BATCH[statement]).all()


def _end(connection: Connection, run_id: RunId, state: str, reason: str) -> None:
    connection.execute(_BATCH["end_run"], {"run_id": run_id, "state": state, "reason": reason})
