"""One nightly run, now: Prefect's flow in a process of its own."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from stack.local.flow_runs.nightly_flow import (
    FailureListener,
    StepListener,
    ignore_failure,
    outcome,
    run_flow,
)
from stack.local.supervision.background import in_thread

if TYPE_CHECKING:
    from stack.runs import RunRecord


async def run_nightly(
    database_url: str,
    environment: Mapping[str, str],
    log: Path,
    on_step: StepListener,
    on_failed: FailureListener = ignore_failure,
) -> "RunRecord":
    """The run that the flow made, also if it was refused or failed.

    Raises NightlyRunError if there is none.
    """

    def newest_run() -> int:
        # The process of the flow imports its own meanwhile.
        from stack.local.flow_runs.newest_run import newest_run  # noqa: PLC0415

        return newest_run(database_url)

    before = asyncio.ensure_future(in_thread(newest_run))
    ended = await run_flow(environment, log, on_step, on_failed, begin=before)
    from stack.local.flow_runs.newest_run import find_run_after  # noqa: PLC0415

    record = await in_thread(lambda: find_run_after(database_url, before.result()))
    return outcome(record, ended, log)
