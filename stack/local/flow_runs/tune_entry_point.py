"""`python -m stack.local.flow_runs.tune_entry_point`: the flow that tunes.

It ends in `{"verdict", "better", "hyperparameters", "objective", "default_objective"}`.
"""

import sys
from dataclasses import asdict

from batch.tuning.search import Found
from flows.tune import tune_now
from stack.local.flow_runs.nightly_entry_point import run_and_report


def main() -> int:
    """Exit code 0 if the search came to its end, whatever it found."""
    return run_and_report(
        lambda listener: _ending(tune_now(listener.on_step, on_failed=listener.on_failed))
    )


def _ending(found: Found) -> dict[str, object]:
    return {
        "verdict": found.verdict(),
        "better": found.better,
        "hyperparameters": asdict(found.hyperparameters),
        "objective": found.accuracy and found.accuracy.objective,
        "default_objective": found.default and found.default.objective,
    }


if __name__ == "__main__":
    sys.exit(main())
