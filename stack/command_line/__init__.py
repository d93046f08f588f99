"""The command `tandem`: names, options and help.

What a command does is the function `run` of `stack.commands.<name>`, imported when it is needed:
help and `tandem status` must not wait for the libraries of the nightly run.
"""

from importlib.metadata import version
from typing import Annotated

import typer

from stack.command_line.bench import HANDING_ON, bench
from stack.command_line.calling import Complaining
from stack.command_line.keys import keys
from stack.command_line.kinds import kinds
from stack.command_line.learning import housekeeping, load, nightly, replay, rollback, tune
from stack.command_line.repair import repair
from stack.command_line.runs import runs
from stack.command_line.system import PASSING_ON, diagnose, down, psql, status, up

app = typer.Typer(
    cls=Complaining,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="A recommender you run yourself: nightly lists, live vectors, one blended answer.",
    epilog="All data and logs lie in the folder .tandem, or in TANDEM_HOME.",
)
app.add_typer(keys, name="key")
app.add_typer(kinds, name="kind")
app.add_typer(runs, name="runs")
app.add_typer(repair, name="repair")
for command in (up, down, load, nightly, rollback, tune, housekeeping, replay, status, diagnose):
    app.command()(command)
app.command(context_settings=PASSING_ON)(psql)
app.command(context_settings=HANDING_ON)(bench)


def _tell_version(asked: bool) -> None:  # noqa: FBT001 - typer calls it
    if asked:
        typer.echo(f"tandem {version('tandem-recommender')}")
        raise typer.Exit


@app.callback()
def _options(
    *,
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_tell_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    return
