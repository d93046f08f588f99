"""The command `tandem`: its commands by name, each declared in a module of its own."""

from importlib import metadata
from typing import Annotated

import typer

from stack.cli.lazy import lazy_group

COMMANDS = {
    "up": "stack.cli.up",
    "demo": "stack.cli.demo",
    "down": "stack.cli.down",
    "load": "stack.cli.load",
    "loads": "stack.cli.loads",
    "export": "stack.cli.export",
    "empty": "stack.cli.empty",
    "nightly": "stack.cli.nightly",
    "rollback": "stack.cli.rollback",
    "tune": "stack.cli.tune",
    "housekeeping": "stack.cli.housekeeping",
    "replay": "stack.cli.replay",
    "status": "stack.cli.status",
    "diagnose": "stack.cli.diagnose",
    "psql": "stack.cli.psql",
    "bench": "stack.cli.bench",
    "key": "stack.cli.key",
    "account": "stack.cli.account",
    "token": "stack.cli.token",
    "audit": "stack.cli.audit",
    "kind": "stack.cli.kind",
    "filter": "stack.cli.filter",
    "experiment": "stack.cli.experiment",
    "runs": "stack.cli.runs",
    "repair": "stack.cli.repair",
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
