"""`python -m stack.local.flow_runs.nightly_entry_point`: the nightly flow, reported step by step.

With `--when-notified` it begins when a line comes on standard input, and not if that is closed.

A line of standard output is a JSON object: `{"step", "seconds"}` with null seconds as a step
begins, `{"failed_step", "seconds"}` when one fails, at the end `{"run_id"}`, or whatever else a
flow ends in, or `{"error", "message"}`. What Prefect logs goes to standard error.
"""

import gc

if __name__ == "__main__":
    # What is imported stays: looking through it for garbage as it grows takes a fifth of the start.
    gc.disable()

import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from typing import TextIO

from domain.errors import StackError, TandemError
from flows.nightly import run_now
from flows.nightly_context import Listener
from loading.priority import let_others_go_first
from stack.health import refusal
from stack.local.flow_runs.nightly_flow import WHEN_NOTIFIED

PREFECT_TIMEOUT_SECONDS = 120.0
_POLL_SECONDS = 0.05


def main() -> int:
    """Exit code 0 if a run was published."""
    if WHEN_NOTIFIED in sys.argv and not sys.stdin.readline():
        return 1
    return run_and_report(
        lambda listener: {"run_id": run_now(listener.on_step, on_failed=listener.on_failed)}
    )


def run_and_report(flow: Callable[[Listener], Mapping[str, object]]) -> int:
    """Run a flow, report its steps and what it ends in; exit code 0 unless it fails.

    The process lets others go first from then on.
    """
    let_others_go_first()
    # What was imported is looked through no more.
    gc.freeze()
    gc.enable()
    messages = os.fdopen(os.dup(sys.stdout.fileno()), "w", buffering=1)
    # Whatever else is printed must not come between the messages.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    try:
        _wait_for_prefect(os.environ.get("PREFECT_API_URL"))
        ending = flow(_listener(messages))
    except TandemError as error:
        _write_message(messages, error=type(error).__name__, message=str(error))
        return 1
    except Exception as error:
        _write_message(messages, error=type(error).__name__, message=str(error))
        raise
    _write_message(messages, **ending)
    return 0


def _listener(messages: TextIO) -> Listener:
    return Listener(
        lambda step, seconds: _write_message(messages, step=step, seconds=seconds),
        lambda step, seconds: _write_message(messages, failed_step=step, seconds=seconds),
    )


def _wait_for_prefect(api_url: str | None) -> None:
    """A first start runs the night while Prefect's server is still starting."""
    if api_url is None:
        return
    deadline = time.monotonic() + PREFECT_TIMEOUT_SECONDS
    while (reason := refusal(f"{api_url}/health")) is not None:
        if time.monotonic() > deadline:
            raise StackError(f"Prefect's server at {api_url} does not answer: {reason}")
        time.sleep(_POLL_SECONDS)


def _write_message(messages: TextIO, **message: object) -> None:
    messages.write(f"{json.dumps(message)}\n")


if __name__ == "__main__":
    sys.exit(main())
