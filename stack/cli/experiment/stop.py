"""Stop an experiment: everybody gets what the placement decides."""

from typing import Annotated

import typer

from stack.cli.experiment.asking import ask_experiments, at_the_machine
from stack.cli.experiment.naming import ExperimentName


def command(
    name: ExperimentName,
    *,
    because: Annotated[str, typer.Option(help="Why, for those who look at it later.")] = (
        "somebody stopped it"
    ),
) -> None:
    """Write that it is stopped."""
    found = ask_experiments(
        lambda experiments, _: experiments.stop(name, at_the_machine(), because=because)
    )
    typer.echo(f"{name} is {found.state}: {found.stopped_because}.")
