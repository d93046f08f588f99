"""What a step has freed does not count to the night while the next one computes."""

import gc
from pathlib import Path

import numpy as np
import pytest

from batch.freed_memory import given_back

SMALL, COUNT = 50_000, 2_000
"""Arrays that the C library takes from its heap: 100 MB in all."""


def resident_bytes() -> int:
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    (kib,) = (line.split()[1] for line in lines if line.startswith("VmRSS:"))
    return int(kib) * 1024


def leave_holes() -> list[np.ndarray]:
    """Every tenth of many arrays stays, so that what lies between cannot be cut off at the end."""
    arrays = [np.ones(SMALL, dtype=np.uint8) for _ in range(COUNT)]
    kept = arrays[::10]
    arrays.clear()
    gc.collect()
    return kept


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="Linux tells what is resident")
def test_free_memory_between_arrays_that_stay_goes_back_to_the_system() -> None:
    with given_back():
        pass
    kept = leave_holes()
    before = resident_bytes()
    with given_back():
        pass
    assert before - resident_bytes() > COUNT * SMALL // 2
    assert all(array.all() for array in kept)


def test_an_error_of_the_step_is_what_is_raised() -> None:
    with pytest.raises(ZeroDivisionError), given_back():
        raise ZeroDivisionError
