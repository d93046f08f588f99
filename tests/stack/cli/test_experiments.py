"""`tandem experiment`: made of a file, started, looked at, and an arm adopted."""

import json
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from typer.testing import CliRunner, Result

from stack.cli import app

pytestmark = pytest.mark.usefixtures("owned")

DEFINITION = """
placement: default
arms:
  - {name: now, version: 0, share: 0.5}
  - {name: holdout, version: popular, share: 0.5}
goal: conversion
"""


def experiment(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["experiment", *arguments])


def output_of(*arguments: str) -> str:
    result = experiment(*arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def refused(*arguments: str) -> str:
    result = experiment(*arguments)
    assert result.exit_code == 1, result.output
    return " ".join(result.stderr.split())


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "trial.yaml"
    path.write_text(DEFINITION)
    return str(path)


def test_an_experiment_goes_from_a_file_to_a_version_of_its_placement(
    file: str, engine: Engine
) -> None:
    assert "There are no experiments yet" in output_of("list")
    assert "trial is a draft, revision 1" in output_of("create", "trial", file)
    assert "trial runs since" in output_of("start", "trial")
    assert "now, holdout" in output_of("list", "--state", "running")
    shown = output_of("show", "trial")
    assert "Too few users to compare holdout with now" in shown
    assert "conversion" in shown
    assert json.loads(output_of("show", "trial", "--json"))["experiment"]["state"] == "running"
    assert "version 1" in output_of("adopt", "trial", "now")
    assert json.loads(output_of("list", "--json"))[0]["adopted_arm"] == "now"
    with engine.connect() as connection:
        actors = connection.execute(text("select distinct actor from audit_log")).scalars().all()
    assert actors[0].startswith("command line, ")


def test_one_that_was_stopped_tells_why(file: str) -> None:
    output_of("create", "trial", file)
    output_of("start", "trial")
    assert output_of("stop", "trial", "--because", "the shop closes") == (
        "trial is stopped: the shop closes.\n"
    )
    assert "stopped: the shop closes" in output_of("show", "trial")


def test_what_cannot_be_done_is_one_clear_line(file: str, tmp_path: Path) -> None:
    assert "There is no experiment 'trial'" in refused("start", "trial")
    assert "is no name" in refused("create", "Trial!", file)
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(DEFINITION.replace("goal", "gaol"))
    assert "gaol: Extra inputs are not permitted" in refused("create", "trial", str(wrong))
    wrong.write_text("{")
    assert "is no YAML" in refused("create", "trial", str(wrong))
