"""Stop an experiment: everybody gets what the placement decides."""

from typing import Annotated

import typer

from stack.cli.answers import print_answer
from stack.cli.experiment.asking import ask_experiments, at_the_machine
from stack.cli.experiment.options import ExperimentName
from stack.cli.options import AsJson


def command(
    name: ExperimentName,
    *,
    because: Annotated[str, typer.Option(help="Why, for those who look at it later.")] = (
        "somebody stopped it"
    ),
    as_json: AsJson = False,
) -> None:
    """Write that it is stopped."""
    found = ask_experiments(
        lambda experiments, _: experiments.stop(name, at_the_machine(), because=because)
    )
    text = f"{name} is {found.state}: {found.stopped_because}."
    print_answer(found.model_dump(mode="json"), text, as_json=as_json)
