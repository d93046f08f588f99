"""The command `tandem`: its commands by name, each declared in a module of its own."""

from importlib import metadata
from typing import Annotated

import typer

from stack.cli.lazy import lazy_group

PANELS = {
    "Start and stop": ("up", "demo", "down"),
    "Bring and take data": ("load", "loads", "export", "kind", "filter", "empty"),
    "Decide": ("placement", "experiment", "apply"),
    "Nights": ("nightly", "runs", "rollback", "tune", "replay", "housekeeping"),
    "Look and mend": ("status", "diagnose", "repair", "psql", "audit", "bench", "completion"),
    "Let in": ("key", "account", "token"),
}
"""The commands under the headings of help; the module of each has its name."""

COMMANDS = {name: f"stack.cli.{name}" for names in PANELS.values() for name in names}

app = lazy_group(
    COMMANDS,
    {name: panel for panel, names in PANELS.items() for name in names},
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
