"""`python -m stack.local.flow_runs.housekeeping_entry_point`: housekeeping, reported like a flow.

It ends in `{"report"}`: what was deleted.
"""

import sys

from flows.housekeeping import housekeeping
from stack.local.flow_runs.nightly_entry_point import run_and_report


def main() -> int:
    """Exit code 0 if everything old was cleared away."""
    return run_and_report(lambda _listener: {"report": housekeeping().to_text()})


if __name__ == "__main__":
    sys.exit(main())
