"""Search for the hyperparameters of the lists that suit the history best, as every week."""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from domain.errors import StackError
from stack.cli.answers import print_answer
from stack.cli.options import AsJson
from stack.cli.preparing import prepare
from stack.local.flow_runs.flow_environment import flow_environment
from stack.local.home import Home
from stack.local.stores import Stores, opened_stores
from stack.local.supervision.log_file import last_lines
from stack.local.supervision.one_off import run_python
from stack.settings import StackSettings

PROGRAM = ["-m", "stack.local.flow_runs.tune_entry_point"]
_REPORTED_LOG_LINES = 15


class TuningError(StackError):
    """The search for hyperparameters ended without a verdict."""


def command(*, as_json: AsJson = False) -> None:
    """Exit code 0 if the search came to its end; the next night uses what it found.

    As JSON: `verdict` in words, `hyperparameters`, whether they are `better` than the default, and
    the `objective` of both; the steps go to standard error then.
    """
    settings, home = prepare()
    console = Console(soft_wrap=True, highlight=False, stderr=as_json)
    with opened_stores(settings, home, "tandem tune") as stores:
        ending = _tune(settings, home, stores, console)
    print_answer(ending, ending["verdict"], as_json=as_json)


def _tune(settings: StackSettings, home: Home, stores: Stores, console: Console) -> dict[str, Any]:
    ending: dict[str, Any] = {}
    log = home.log("tune")
    with (
        console.status("starting the flow that tunes") as status,
        flow_environment(settings, home, stores, console.print) as environment,
    ):

        def receive(line: str) -> None:
            message = json.loads(line)
            if "failed_step" in message:
                step, seconds = escape(message["failed_step"]), message["seconds"]
                console.print(f"  [red]✗[/] {step:<60} [dim]{seconds:6.1f} s[/]")
                return
            if "step" not in message:
                ending.update(message)
                return
            step, seconds = escape(message["step"]), message["seconds"]
            status.update(step)
            if seconds is not None:
                console.print(f"  [green]✓[/] {step:<60} [dim]{seconds:6.1f} s[/]")

        code = asyncio.run(run_python(PROGRAM, environment, log, receive))
    if "verdict" not in ending:
        raise TuningError(_why(ending, code, log))
    return ending


def _why(ending: Mapping[str, Any], code: int, log: Path) -> str:
    if "message" in ending:
        return str(ending["message"])
    lines = last_lines(log, _REPORTED_LOG_LINES)
    return "\n".join([f"The flow that tunes ended with code {code}. The end of {log}:", *lines])
