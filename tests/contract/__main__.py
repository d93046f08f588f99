"""The tests of the contract, for as long or as often as is asked.

python -m tests.contract --minutes 20
python -m tests.contract --filters 10000
"""

import argparse
import os
import sys
from pathlib import Path

import pytest

_HERE = Path(__file__).parent


def main() -> int:
    """The exit code of the test."""
    parser = argparse.ArgumentParser(prog="python -m tests.contract", description=__doc__)
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--filters", type=int, help="So many hostile filters instead.")
    parser.add_argument("--reports", type=Path, default=Path("contract-reports"))
    options = parser.parse_args()
    if options.filters:
        os.environ["CONTRACT_FILTERS"] = str(options.filters)
        return _run("test_hostile_filters.py")
    os.environ["CONTRACT_SECONDS"] = str(round(options.minutes * 60))
    os.environ["CONTRACT_REPORTS"] = str(options.reports.absolute())
    return _run("test_running_service.py")


def _run(name: str) -> int:
    """It may take as long as it takes."""
    return pytest.main(["--capture=no", "--timeout=0", str(_HERE / name)])


if __name__ == "__main__":
    sys.exit(main())
