"""`python -m tests.contract --minutes 20`: the test of the contract, for as long as is given."""

import argparse
import os
import sys
from pathlib import Path

import pytest


def main() -> int:
    """The exit code of the test."""
    parser = argparse.ArgumentParser(prog="python -m tests.contract", description=__doc__)
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--reports", type=Path, default=Path("contract-reports"))
    options = parser.parse_args()
    os.environ["CONTRACT_SECONDS"] = str(round(options.minutes * 60))
    os.environ["CONTRACT_REPORTS"] = str(options.reports.absolute())
    return pytest.main(["--capture=no", str(Path(__file__).parent)])


if __name__ == "__main__":
    sys.exit(main())
