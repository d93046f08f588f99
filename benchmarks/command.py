"""A benchmark as a command: what all of them do before they begin, and options of several."""

import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Annotated, Any

import typer

from batch.blas import one_blas_thread
from stack.cli.calling import CliGroup
from stack.cli.preparing import prepare

Data = Annotated[
    Path, typer.Option(help="A MovieLens folder, or another that `tandem load` can read.")
]
EventsFile = Annotated[
    Path, typer.Option(help="CSV with user_id, item_id and timestamp; comma or tab separated.")
]
Seed = Annotated[int, typer.Option(min=0, help="Where all that is random comes from.")]


def run_command(measure: Callable[..., int]) -> None:
    """Call `measure` with the options of the command line; the process ends with what it answers.

    BLAS has one thread meanwhile, as in every fit.

    An error is one clear line, as of every command of `tandem`.
    """
    # "tandem bench cold", "python -m benchmarks cold", or the path of the script.
    program, _, name = sys.argv[0].rpartition(" ")
    app = typer.Typer(cls=CliGroup, add_completion=False, pretty_exceptions_enable=False)
    app.callback()(_stay_a_group)
    app.command(name)(_ending(measure))
    app([name, *sys.argv[1:]], prog_name=program or "python")


def _ending(measure: Callable[..., int]) -> Callable[..., None]:
    @wraps(measure)
    def run(**options: Any) -> None:
        prepare()
        with one_blas_thread():
            status = measure(**options)
        raise typer.Exit(status)

    return run


def _stay_a_group() -> None:
    """A group prints errors in one line; Typer makes a plain command of an app with only one."""
