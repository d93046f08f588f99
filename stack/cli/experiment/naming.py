"""The name of an experiment, as commands take it."""

from typing import Annotated

import typer

ExperimentName = Annotated[str, typer.Argument(help="The name of the experiment.")]
