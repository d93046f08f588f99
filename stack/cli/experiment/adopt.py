"""Decide for the placement as an arm does, and end the experiment, in one act."""

from typing import Annotated

import typer

from stack.cli.answers import print_answer
from stack.cli.experiment.asking import ask_experiments, at_the_machine
from stack.cli.experiment.options import ExperimentName
from stack.cli.options import AsJson


def command(
    name: ExperimentName,
    arm: Annotated[str, typer.Argument(help="The arm that everybody is to get.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Write which version of the placement is in force now."""
    found = ask_experiments(lambda experiments, _: experiments.adopt(name, arm, at_the_machine()))
    text = (
        f"The placement {found.placement} decides as {arm} does: version {found.adopted_version}."
    )
    print_answer(found.model_dump(mode="json"), text, as_json=as_json)
