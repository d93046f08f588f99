"""The commands about the whole system."""

from typing import Annotated

import typer

from stack.command_line.calling import call
from stack.command_line.options import AsJson

PASSING_ON = {"allow_extra_args": True, "ignore_unknown_options": True}
"""The settings of a command that gives its arguments to another program."""


def up(
    *,
    sample: Annotated[
        bool,
        typer.Option(
            "--sample/--no-sample", help="Load sample films and viewers if there are no items yet."
        ),
    ] = True,
) -> None:
    """Start everything and keep it running; learn the first night if there is none."""
    call("up", with_sample=sample)


def down() -> None:
    """Stop the `tandem up` of this folder."""
    call("down")


def status(*, json: AsJson = False) -> None:
    """Show what runs, where, and which model run is served."""
    call("status", as_json=json)


def diagnose(*, json: AsJson = False) -> None:
    """Say in words what is wrong, since when, and what to do. Exit code 1 if something is."""
    call("diagnose", as_json=json)


def psql(
    context: typer.Context,
    *,
    owner: Annotated[
        bool, typer.Option("--owner", help="As the owner of the tables, who may change everything.")
    ] = False,
) -> None:
    """Open psql as analyst, who reads the schema analytics; further arguments go to psql.

    As in: tandem psql -c 'select * from model_runs'. A statement ends after 60 seconds.
    """
    call("psql", owner=owner, arguments=context.args)
