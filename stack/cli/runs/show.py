"""Show all there is to know of a model run: figures with intervals, parameters, seconds."""

import json
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from domain.errors import UnknownRunError
from stack.cli.database import opened_database
from stack.cli.options import AsJson
from stack.cli.preparing import prepare
from stack.cli.runs.tables import run_tables
from stack.local.home import Home, is_up
from stack.runs import RunRecord, find_named_run
from stack.settings import StackSettings


def command(
    context: typer.Context,
    run: Annotated[str, typer.Argument(metavar="RUN", help="The run's number, or: live, latest.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Write tables, or the run as a JSON object; UnknownRunError if there is no such run."""
    before = context.parent is not None and context.parent.params["as_json"]
    record = _load(*prepare(), run)
    if as_json or before:
        typer.echo(json.dumps(record))
    else:
        _print_report(Console(soft_wrap=True, highlight=False), record)


def _load(settings: StackSettings, home: Home, name: str) -> RunRecord:
    nothing_stored = settings.database_url is None and not home.postgres.exists()
    if nothing_stored and not is_up(home):
        raise UnknownRunError("There are no runs yet. Make one: tandem nightly")
    with opened_database(settings, home, "tandem runs show") as connection:
        return find_named_run(connection, name)


def _print_report(console: Console, record: RunRecord) -> None:
    live = ", live" if record["live"] else ""
    seconds = "" if record["seconds"] is None else f" after {record['seconds']:.1f} s"
    console.print(f"[bold]Run {record['run_id']}[/] {record['state']}{live}{seconds}")
    console.print(f"learned from what was stored before {_format_time(record['cut_off_at'])}")
    reason = record["reason"] or record["metrics"].get("gate")
    if reason:
        console.print(escape(reason))
    for table in run_tables(record):
        console.print()
        console.print(table)


def _format_time(time: str) -> str:
    return time[:19].replace("T", " ") + " UTC"
