"""Entry point `python -m stack.housekeeping_entry_point`: the housekeeping, told as a flow is.

It ends in `{"told"}`: what was deleted.
"""

import sys

from flows.housekeeping import housekeeping
from stack.nightly_entry_point import tell_flow


def main() -> int:
    """Exit code 0 if everything old was cleared away."""
    return tell_flow(lambda _listener: {"told": housekeeping().told()})


if __name__ == "__main__":
    sys.exit(main())
