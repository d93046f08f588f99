"""Rollback: an earlier run is served again, with everything its users have done since."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, Row
from sqlalchemy.exc import DBAPIError

from domain.errors import RollbackRefusedError
from domain.identifiers import RunId
from sql.live_vectors import load_live_space
from sql.promotion import Begin, catch_up, lock_promotion, serve
from sql.statements import statements

_BATCH = statements("batch")

_WHY_NOT = {
    "training": "Run {run_id} is still being made.",
    "evaluated": "Run {run_id} is still being made.",
    "refused": "Run {run_id} was refused by the promotion gate and was never served: {reason}",
    "failed": "Run {run_id} failed and was never served: {reason}",
    "retired": "Run {run_id} is no longer retained: its lists and vectors are gone.",
}


def roll_back(
    begin: Begin,
    run_id: RunId,
    *,
    by: str,
    request_id: str | None = None,
    on_users: Callable[[int, int], object] = lambda _done, _all: None,
) -> None:
    """Serve a retained run again; its live vectors are brought up to date before.

    The run served until now stays retained, so that one can roll forward in the same way.
    RollbackRefusedError, and nothing has changed, if the run cannot be served or is being served.
    `on_users` is told how many users of how many are brought up to date.
    """
    with begin() as connection:
        check_rollback(connection, run_id)
        run = load_live_space(connection, run_id)
    try:
        catch_up(begin, run, on_users)
    except DBAPIError:
        # A night may have dropped the run just now, which is a better reason than a lost table.
        with begin() as connection:
            check_rollback(connection, run_id)
        raise
    with begin() as connection:
        lock_promotion(connection)
        check_rollback(connection, run_id)
        serve(connection, run, how="rolled back", by=by, request_id=request_id)


def check_rollback(connection: Connection, run_id: RunId) -> None:
    """RollbackRefusedError if the run cannot be rolled back to; it names those that can."""
    found = connection.execute(_BATCH["find_run_to_serve"], {"run_id": run_id}).one_or_none()
    reason = _why_not(run_id, found)
    if reason is not None:
        raise RollbackRefusedError(f"{reason} {_others(connection)}")


def _why_not(run_id: RunId, found: Row[Any] | None) -> str | None:
    if found is None:
        return f"There is no run {run_id}."
    if found.live:
        return f"Run {run_id} is being served already; nothing has changed."
    reason = _WHY_NOT.get(found.state)
    if reason is not None:
        return reason.format(run_id=run_id, reason=found.reason)
    return None if found.kept else _WHY_NOT["retired"].format(run_id=run_id)


def _others(connection: Connection) -> str:
    run_ids = connection.execute(_BATCH["find_runs_to_roll_back_to"]).scalars().all()
    if not run_ids:
        return "There is no other run to roll back to."
    return f"Runs that can be rolled back to: {', '.join(map(str, run_ids))}."
