"""Prometheus's programs, of the machine."""

import shutil

from tests.missing import skip_without


def prometheus_program(name: str) -> str:
    """Where it is. Without it the test is skipped; with PROMETHEUS_NEEDED set it fails."""
    program = shutil.which(name)
    if program is None:
        missing = f"{name} is not installed: apt-get install prometheus"
        skip_without(missing, "PROMETHEUS_NEEDED")
    return program
