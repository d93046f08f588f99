"""One nightly run, now: Prefect's flow in a process of its own."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from sqlalchemy import Engine

from sql.runs import newest_run_no
from stack.local.flow_runs.nightly_flow import (
    FailureListener,
    StepListener,
    ignore_failure,
    outcome,
    run_flow,
)
from stack.local.supervision.background import in_thread
from stack.runs import RunRecord, find_run


async def run_nightly(
    engine: Engine,
    environment: Mapping[str, str],
    log: Path,
    on_step: StepListener,
    on_failed: FailureListener = ignore_failure,
) -> RunRecord:
    """The run that the flow made, also if it was refused or failed.

    Raises NightlyRunError if there is none.
    """
    before = await in_thread(partial(newest_run, engine))
    ended = await run_flow(environment, log, on_step, on_failed)
    return outcome(await in_thread(partial(find_run_after, engine, before)), ended, log)


def newest_run(engine: Engine) -> int:
    """The number of the newest run; 0 if there is none."""
    with engine.connect() as connection:
        return newest_run_no(connection)


def find_run_after(engine: Engine, before: int) -> RunRecord | None:
    """The newest run, if it is newer than this one."""
    with engine.connect() as connection:
        newest = newest_run_no(connection)
        return find_run(connection, newest) if newest > before else None
