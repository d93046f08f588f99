"""Prometheus's programs, of the machine."""

import os
import shutil

import pytest


def prometheus_program(name: str) -> str:
    """Where it is. Without it the test is skipped; with PROMETHEUS_NEEDED set it fails."""
    program = shutil.which(name)
    if program is None:
        missing = f"{name} is not installed: apt-get install prometheus"
        if os.environ.get("PROMETHEUS_NEEDED"):
            pytest.fail(missing)
        pytest.skip(missing)
    return program
