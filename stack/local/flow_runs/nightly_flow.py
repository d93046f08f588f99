"""The process of a nightly flow, followed to its end."""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from domain.errors import RunInProgressError, StackError
from stack.local.supervision.log_file import last_lines
from stack.local.supervision.one_off import run_python

PROGRAM = ["-m", "stack.local.flow_runs.nightly_entry_point"]
WHEN_NOTIFIED = "--when-notified"
"""The program then imports what it needs, and begins when it reads a line; the imports take seconds
in which whoever starts it has other things to do."""
PROMOTION = "Promote"
"""The step after which the run is served; some housekeeping follows."""
PUBLISHED = "published"
"""The state of a run that is served, or was."""
REPORTED_LOG_LINES = 15

StepListener = Callable[[str, float | None], None]
"""Told a step's name as it begins (with None) and again with its seconds as it ends."""
FailureListener = Callable[[str, float], None]
"""Told the name of a step that failed, and its seconds."""


class NightlyRunError(StackError):
    """The nightly flow ended without a run."""


@dataclass(frozen=True, slots=True)
class EndedFlow:
    """How the process ended."""

    code: int
    result: Mapping[str, Any] = field(default_factory=dict)
    """`error` and `message`, if it said why; else what the flow ended in."""


def ignore_failure(_step: str, _seconds: float) -> None:
    """Whoever receives begun and ended steps need not receive failed ones."""


async def run_flow(
    environment: Mapping[str, str],
    log: Path,
    on_step: StepListener,
    on_failed: FailureListener = ignore_failure,
    *,
    begin: Awaitable[object],
) -> EndedFlow:
    """Start the process, and let it run the flow after `begin`; it is stopped if the task is."""
    reported: dict[str, Any] = {}

    def receive(line: str) -> None:
        message = json.loads(line)
        if "step" in message:
            on_step(message["step"], message["seconds"])
        elif "failed_step" in message:
            on_failed(message["failed_step"], message["seconds"])
        else:
            reported.update(message)

    program = [*PROGRAM, WHEN_NOTIFIED]
    return EndedFlow(await run_python(program, environment, log, receive, begin=begin), reported)


def outcome(record: dict[str, Any] | None, ended: EndedFlow, log: Path) -> dict[str, Any]:
    """The record of the run that the flow made, as `stack.runs.RunRecord` has it.

    Raises NightlyRunError if there is none: nothing to learn from, another night in progress, or
    the process broke down before it began.
    """
    if record is None or ended.result.get("error") == RunInProgressError.__name__:
        raise NightlyRunError(_why(ended, log))
    return record


def _why(ended: EndedFlow, log: Path) -> str:
    if "message" in ended.result:
        return str(ended.result["message"])
    lines = last_lines(log, REPORTED_LOG_LINES)
    return "\n".join([f"The nightly flow ended with code {ended.code}. The end of {log}:", *lines])
