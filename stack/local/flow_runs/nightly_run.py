"""One nightly run, now: Prefect's flow in a process of its own."""

import json
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from domain.errors import RunInProgressError, StackError
from sql.runs import newest_run_no
from stack.local.supervision.background import in_thread
from stack.local.supervision.log_file import last_lines
from stack.local.supervision.one_off import run_python
from stack.runs import RunRecord, find_run

PROGRAM = ["-m", "stack.local.flow_runs.nightly_entry_point"]
REPORTED_LOG_LINES = 15

StepListener = Callable[[str, float | None], None]
"""Told a step's name as it begins (with None) and again with its seconds as it ends."""
FailureListener = Callable[[str, float], None]
"""Told the name of a step that failed, and its seconds."""


class NightlyRunError(StackError):
    """The nightly flow ended without a run."""


def _silence(_step: str, _seconds: float) -> None:
    return


async def run_nightly(
    engine: Engine,
    environment: Mapping[str, str],
    log: Path,
    on_step: StepListener,
    on_failed: FailureListener = _silence,
) -> RunRecord:
    """The run that the flow made, also if it was refused or failed.

    Raises NightlyRunError if there is none: nothing to learn from, another night in progress, or
    the process broke down before it began.
    """
    before = await in_thread(partial(_newest_run, engine))
    ending: dict[str, Any] = {}

    def receive(line: str) -> None:
        message = json.loads(line)
        if "step" in message:
            on_step(message["step"], message["seconds"])
        elif "failed_step" in message:
            on_failed(message["failed_step"], message["seconds"])
        else:
            ending.update(message)

    code = await run_python(PROGRAM, environment, log, receive)
    record = await in_thread(partial(_run_after, engine, before))
    if record is None or ending.get("error") == RunInProgressError.__name__:
        raise NightlyRunError(_why(ending, code, log))
    return record


def _why(ending: Mapping[str, Any], code: int, log: Path) -> str:
    if "message" in ending:
        return str(ending["message"])
    lines = last_lines(log, REPORTED_LOG_LINES)
    return "\n".join([f"The nightly flow ended with code {code}. The end of {log}:", *lines])


def _newest_run(engine: Engine) -> int:
    with engine.connect() as connection:
        return newest_run_no(connection)


def _run_after(engine: Engine, before: int) -> RunRecord | None:
    with engine.connect() as connection:
        newest = newest_run_no(connection)
        return find_run(connection, newest) if newest > before else None
