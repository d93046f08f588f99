"""Memory that is free and still counts to the process, because the C library keeps it at hand."""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager


def give_back() -> None:
    """Give what is free back to the system: glibc can, elsewhere nothing happens."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


@contextmanager
def given_back() -> Iterator[None]:
    """Give back what is free after the block, or the decorated function.

    The arrays of one step are seldom as large as those of the next: without this what a step has
    freed counts beside what the next one takes.
    """
    try:
        yield
    finally:
        give_back()
