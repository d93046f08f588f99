"""Memory that is free and still counts to the process, because the C library keeps it at hand."""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def given_back() -> Iterator[None]:
    """Give what is free after the block, or the decorated function, back to the system.

    The arrays of one step are seldom as large as those of the next: without this what a step has
    freed counts beside what the next one takes. Only of glibc; elsewhere nothing happens.
    """
    try:
        yield
    finally:
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)
