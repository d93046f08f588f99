"""Learn from everything now, as every night, and serve the result if it is good enough."""

import asyncio
import json
from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.markup import escape

from stack.cli.options import AsJson
from stack.cli.preparing import prepare
from stack.local.flow_runs.flow_environment import flow_environment
from stack.local.flow_runs.nightly_flow import PUBLISHED
from stack.local.flow_runs.nightly_run import run_nightly
from stack.local.home import Home
from stack.local.stores import Stores, opened_stores
from stack.settings import StackSettings

if TYPE_CHECKING:
    from stack.runs import RunRecord


def command(*, as_json: AsJson = False) -> None:
    """Exit code 0 if the run is served now, 1 if it was refused or failed; prints the reason.

    As JSON: the run, as `tandem runs` lists it; the steps go to standard error then.
    """
    settings, home = prepare()
    console = Console(soft_wrap=True, highlight=False, stderr=as_json)
    with opened_stores(settings, home, "tandem nightly") as stores:
        record = _night(settings, home, stores, console)
    if as_json:
        typer.echo(json.dumps(record))
    else:
        _print_report(console, record)
    raise typer.Exit(0 if record["state"] == PUBLISHED else 1)


def _night(settings: StackSettings, home: Home, stores: Stores, console: Console) -> "RunRecord":
    with (
        console.status("starting the nightly flow") as status,
        flow_environment(settings, home, stores, console.print) as environment,
    ):
        under_way: dict[str, None] = {}

        def show(step: str, seconds: float | None) -> None:
            if seconds is None:
                under_way[step] = None
                status.update(escape(", ".join(under_way)))
            else:
                show_ended(step, f"  [green]✓[/] {escape(step):<50} [dim]{seconds:6.1f} s[/]")

        def show_ended(step: str, line: str) -> None:
            under_way.pop(step, None)
            if under_way:
                status.update(escape(", ".join(under_way)))
            console.print(line)

        def show_failed(step: str, seconds: float) -> None:
            show_ended(step, f"  [red]✗[/] {escape(step):<50} [dim]{seconds:6.1f} s[/]")

        log, url = home.log("nightly"), stores.database_url
        return asyncio.run(run_nightly(url, environment, log, show, show_failed))


def _print_report(console: Console, record: "RunRecord") -> None:
    # Here the flow does not wait for it any more.
    from stack.runs import accuracy  # noqa: PLC0415

    colour = "green" if record["state"] == PUBLISHED else "red"
    seconds = record["seconds"] or 0.0
    console.print(
        f"Run {record['run_id']} [{colour}]{record['state']}[/] after {seconds:.1f} s  "
        f"{accuracy(record)}"
    )
    if record["state"] != PUBLISHED and record["reason"]:
        console.print(f"[{colour}]{escape(record['reason'])}[/]")
