"""Delete Prefect's old runs, and old impressions, which stay as counts; as every day."""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

from domain.errors import StackError
from stack.cli.answers import print_answer
from stack.cli.options import AsJson
from stack.cli.preparing import prepare
from stack.local.flow_runs.flow_environment import flow_environment
from stack.local.stores import opened_stores
from stack.local.supervision.log_file import last_lines
from stack.local.supervision.one_off import run_python

PROGRAM = ["-m", "stack.local.flow_runs.housekeeping_entry_point"]
_REPORTED_LOG_LINES = 15


class HousekeepingError(StackError):
    """The housekeeping did not come to its end."""


def command(*, as_json: AsJson = False) -> None:
    """Exit code 0 if everything old was cleared away; says what that was.

    As JSON: how many of each were deleted, as the flow counts them.
    """
    settings, home = prepare()
    console = Console(soft_wrap=True, highlight=False, stderr=as_json)
    with (
        opened_stores(settings, home, "tandem housekeeping") as stores,
        console.status("clearing away what is old"),
        flow_environment(settings, home, stores, console.print) as environment,
    ):
        ending = _clear_away(environment, home.log("housekeeping"))
    print_answer(ending["deleted"], ending["report"], as_json=as_json)


def _clear_away(environment: Mapping[str, str], log: Path) -> dict[str, Any]:
    """What the flow says that it deleted; HousekeepingError if it failed."""
    ending: dict[str, Any] = {}
    code = asyncio.run(
        run_python(PROGRAM, environment, log, lambda line: ending.update(json.loads(line)))
    )
    if "report" in ending:
        return ending
    if "message" in ending:
        raise HousekeepingError(str(ending["message"]))
    lines = last_lines(log, _REPORTED_LOG_LINES)
    why = [f"The housekeeping ended with code {code}. The end of {log}:", *lines]
    raise HousekeepingError("\n".join(why))
