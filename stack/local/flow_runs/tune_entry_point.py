"""`python -m stack.local.flow_runs.tune_entry_point`: the flow that tunes.

It ends in `{"verdict"}`.
"""

import sys

from flows.tune import tune_now
from stack.local.flow_runs.nightly_entry_point import run_and_report


def main() -> int:
    """Exit code 0 if the search came to its end, whatever it found."""
    return run_and_report(
        lambda listener: {
            "verdict": tune_now(listener.on_step, on_failed=listener.on_failed).verdict()
        }
    )


if __name__ == "__main__":
    sys.exit(main())
