"""What several of these commands take."""

from typing import Annotated

import typer

ExperimentName = Annotated[str, typer.Argument(help="The name of the experiment.")]
