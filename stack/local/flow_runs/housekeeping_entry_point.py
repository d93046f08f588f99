"""`python -m stack.local.flow_runs.housekeeping_entry_point`: housekeeping, reported like a flow.

It ends in `{"report", "deleted"}`: what was deleted, in words and as counts.
"""

import sys
from dataclasses import asdict

from flows.housekeeping import housekeeping
from stack.local.flow_runs.nightly_entry_point import run_and_report


def main() -> int:
    """Exit code 0 if everything old was cleared away."""
    return run_and_report(lambda _listener: _ending())


def _ending() -> dict[str, object]:
    cleared = housekeeping()
    return {"report": cleared.to_text(), "deleted": asdict(cleared)}


if __name__ == "__main__":
    sys.exit(main())
