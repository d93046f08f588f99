"""The command `tandem`: its commands by name, each declared in a module of its own."""

from importlib import metadata
from typing import Annotated

import typer

from stack.command_line.lazy import lazy_group

COMMANDS = {
    "up": "stack.commands.up",
    "down": "stack.commands.down",
    "load": "stack.commands.load",
    "nightly": "stack.commands.nightly",
    "rollback": "stack.commands.rollback",
    "tune": "stack.commands.tune",
    "housekeeping": "stack.commands.housekeeping",
    "replay": "stack.commands.replay",
    "status": "stack.commands.status",
    "diagnose": "stack.commands.diagnose",
    "psql": "stack.commands.psql",
    "bench": "stack.commands.bench",
    "key": "stack.commands.key",
    "kind": "stack.commands.kind",
    "runs": "stack.commands.runs",
    "repair": "stack.commands.repair",
}

app = lazy_group(
    COMMANDS,
    no_args_is_help=True,
    help="A recommender you run yourself: nightly lists, live vectors, one blended answer.",
    epilog="All data and logs lie in the folder .tandem, or in TANDEM_HOME.",
)


def _print_version(asked: bool) -> None:  # noqa: FBT001 - typer calls it
    if asked:
        typer.echo(f"tandem {metadata.version('tandem-recommender')}")
        raise typer.Exit


@app.callback()
def _options(
    *,
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    return
