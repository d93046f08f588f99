"""Programs and packages of the machine that some tests need."""

import os
from typing import NoReturn

import pytest


def skip_without(missing: str, variable: str) -> NoReturn:
    """Skip the test and say what is missing; with the variable set, fail it."""
    if os.environ.get(variable):
        pytest.fail(missing)
    pytest.skip(missing)
