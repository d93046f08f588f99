"""The commands that mend what was damaged."""

from typing import Annotated

import typer

from stack.command_line.calling import Complaining, call

repair = typer.Typer(
    cls=Complaining, no_args_is_help=True, help="Mend what was damaged, while all goes on."
)


@repair.callback()
def _repair() -> None:
    return


@repair.command("index")
def repair_index(
    *,
    anew: Annotated[
        bool, typer.Option("--anew", help="Build the indexes that are well anew too.")
    ] = False,
) -> None:
    """Build damaged and missing vector indexes of the kept runs anew, the served one's first."""
    call("repair_index", anew=anew)
