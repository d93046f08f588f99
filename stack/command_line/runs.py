"""The commands about model runs."""

from typing import Annotated

import typer

from stack.command_line.calling import Complaining, call
from stack.command_line.options import AsJson

runs = typer.Typer(cls=Complaining, invoke_without_command=True)


@runs.callback()
def list_runs(context: typer.Context, *, json: AsJson = False) -> None:
    """List the model runs, newest first."""
    if context.invoked_subcommand is None:
        call("runs", as_json=json)


@runs.command("show")
def show_run(
    context: typer.Context,
    run: Annotated[str, typer.Argument(help="The run's number, or: live, latest.")],
    *,
    json: AsJson = False,
) -> None:
    """Show all there is to know of a model run: figures with intervals, parameters, seconds."""
    before = context.parent is not None and context.parent.params["json"]
    call("runs_show", name=run, as_json=json or before)
