"""Libraries that are installed, and that a process goes without."""

import importlib
import json
import sys
from importlib.util import find_spec

import pytest

from sql.optional_libraries import not_installed

UNUSED = "antigravity"
"""Of the standard library: nothing here imports it, and neither does this test."""


def test_a_library_that_is_left_out_cannot_be_imported_in_the_block_and_is_there_after_it() -> None:
    assert UNUSED not in sys.modules
    with not_installed(UNUSED), pytest.raises(ModuleNotFoundError):
        importlib.import_module(UNUSED)
    assert UNUSED not in sys.modules
    assert find_spec(UNUSED) is not None


def test_what_is_loaded_already_stays_so() -> None:
    with not_installed("json"):
        assert importlib.import_module("json") is json
    assert sys.modules["json"] is json


def test_a_failure_in_the_block_brings_the_library_back_too() -> None:
    with pytest.raises(RuntimeError), not_installed(UNUSED):
        raise RuntimeError
    assert UNUSED not in sys.modules
