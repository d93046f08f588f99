"""Options that more than one command has."""

from pathlib import Path
from typing import Annotated

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Write JSON for programs.")]

Data = Annotated[
    Path, typer.Option(help="A MovieLens folder, or another that `tandem load` can read.")
]
Nights = Annotated[int, typer.Option(min=1, help="Nights the later 30 % are split into.")]
Foreseen = Annotated[
    int, typer.Option(min=1, help="Interactions to foresee, drawn from the later 30 %.")
]
Drawing = Annotated[int, typer.Option(min=0, help="Where the drawing starts.")]
Chance = Annotated[int, typer.Option(min=0, help="Where all that is random comes from.")]
