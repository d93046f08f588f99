"""Options that more than one command has."""

from typing import Annotated

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Write JSON for programs.")]

Nights = Annotated[int, typer.Option(min=1, help="Nights the later 30 % are split into.")]
Foreseen = Annotated[
    int,
    typer.Option(
        min=1, help="How many of the foreseeable interactions of the later 30 % are drawn."
    ),
]
Drawing = Annotated[int, typer.Option(min=0, help="Where the drawing starts.")]
