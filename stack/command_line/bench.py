"""The benchmarks, which are no part of what is installed."""

from importlib import import_module

import typer

from stack.command_line.calling import WRONG_USE, complain

HANDING_ON = {
    "allow_extra_args": True,
    "ignore_unknown_options": True,
    "help_option_names": [],
}
"""The settings of a command that gives all its arguments to another one, `--help` too."""

_ABSENT = {"benchmarks", "tests"}
_MISSING = (
    "The benchmarks are not installed: they are the folders benchmarks/ and tests/ of the source"
    " code. `make setup` there installs them, and .venv/bin/tandem bench runs them."
)


def bench(context: typer.Context) -> None:
    """Measure: `tandem bench NAME` is `python -m benchmarks NAME`; --help lists the names."""
    try:
        run = import_module("benchmarks.__main__").main
        run(context.args, program="tandem bench")
    except ModuleNotFoundError as error:
        if str(error.name).partition(".")[0] not in _ABSENT:
            raise
        complain(_MISSING)
        raise typer.Exit(WRONG_USE) from error
