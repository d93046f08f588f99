"""Measure: `tandem bench NAME` is `python -m benchmarks NAME`; --help lists the names."""

from importlib import import_module

import typer

from stack.cli.calling import WRONG_USE, print_error

CONTEXT_SETTINGS = {
    "allow_extra_args": True,
    "ignore_unknown_options": True,
    "help_option_names": [],
}
"""All arguments go to the benchmark, `--help` too."""

_ABSENT = {"benchmarks", "tests"}
_MISSING = (
    "The benchmarks are not installed: they are the folders benchmarks/ and tests/ of the source"
    " code. `make setup` there installs them, and .venv/bin/tandem bench runs them."
)


def command(context: typer.Context) -> None:
    """Exit code 2 where the folders of the benchmarks are not installed."""
    try:
        run = import_module("benchmarks.__main__").main
        run(context.args, program="tandem bench")
    except ModuleNotFoundError as error:
        if str(error.name).partition(".")[0] not in _ABSENT:
            raise
        print_error(_MISSING)
        raise typer.Exit(WRONG_USE) from error
