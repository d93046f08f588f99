"""Make an experiment, a draft at first, from a file: YAML or JSON."""

import re
from pathlib import Path
from typing import Annotated

import typer
import yaml
from pydantic import ValidationError

from domain.errors import InvalidInputError
from serving.experiments.definition import NAME_PATTERN, ExperimentDefinition
from stack.cli.answers import print_answer
from stack.cli.experiment.asking import ask_experiments, at_the_machine
from stack.cli.experiment.options import ExperimentName
from stack.cli.options import AsJson


def command(
    name: ExperimentName,
    file: Annotated[
        Path,
        typer.Argument(
            help="What is compared, as `definition` of PUT /v1/experiments/NAME.",
            exists=True,
            dir_okay=False,
        ),
    ],
    *,
    revision: Annotated[
        int, typer.Option(min=0, help="Of the draft that this is to replace; 0: it is new.")
    ] = 0,
    as_json: AsJson = False,
) -> None:
    """Write what comes next; InvalidInputError if the file is not a definition."""
    definition = _read(file)
    made = ask_experiments(
        lambda experiments, _: experiments.save(
            _checked(name), definition, at_the_machine(), revision=revision
        )
    )
    text = f"{name} is a draft, revision {made.revision}. Start it: tandem experiment start {name}"
    print_answer(made.model_dump(mode="json"), text, as_json=as_json)


def _read(file: Path) -> ExperimentDefinition:
    try:
        # JSON is YAML too.
        return ExperimentDefinition.model_validate(yaml.safe_load(file.read_text("utf-8")))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InvalidInputError(f"{file} is no YAML: {error}") from error
    except ValidationError as error:
        faults = (
            f"{'.'.join(map(str, fault['loc'])) or 'the file'}: {fault['msg']}"
            for fault in error.errors()
        )
        raise InvalidInputError(f"{file} is no experiment. {'; '.join(faults)}") from error


def _checked(name: str) -> str:
    """The name; InvalidInputError if no experiment can have it."""
    if not re.fullmatch(NAME_PATTERN, name):
        raise InvalidInputError(
            f"{name[:40]!r} is no name: give a-z, 0-9, - and _, up to 64, a letter or digit first."
        )
    return name
