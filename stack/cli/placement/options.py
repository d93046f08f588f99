"""Options of several of these commands."""

from pathlib import Path
from typing import Annotated

import typer

Name = Annotated[str, typer.Argument(help="The placement, such as home.")]
DefinitionFile = Annotated[
    Path, typer.Option("--file", help="What is decided, as YAML or JSON, such as home.yaml.")
]
BaseVersion = Annotated[
    int | None,
    typer.Option(
        min=0,
        help="The version you looked at: if another is in force, nothing happens. Left out: the"
        " one in force as the command begins.",
    ),
]
