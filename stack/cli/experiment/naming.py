"""The name of an experiment, as commands take it."""

import re
from typing import Annotated

import typer

from domain.errors import InvalidInputError
from serving.experiments.definition import NAME_PATTERN

ExperimentName = Annotated[str, typer.Argument(help="The name of the experiment.")]


def check_name(name: str) -> str:
    """The name; InvalidInputError if no experiment can have it."""
    if not re.fullmatch(NAME_PATTERN, name):
        raise InvalidInputError(
            f"{name[:40]!r} is no name: give a-z, 0-9, - and _, up to 64, a letter or digit first."
        )
    return name
