"""How many threads linear algebra has while something is fitted or measured."""

from collections.abc import Iterator
from contextlib import contextmanager

from threadpoolctl import get_cached_controller


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Let BLAS compute with one thread, for a block or a decorated function.

    `implicit` has threads of its own, which those of a BLAS slow down, and most other products here
    are of a vector or a few hundred rows: threads that share busy cores then wait for each other.
    It holds for every BLAS that is loaded when the block begins (numpy and scipy have one each);
    afterwards each has as many threads as before.
    """
    # It looks for libraries again once modules were imported: in every block that was a fifth of
    # the processor time of a small night.
    with get_cached_controller().limit(limits=1, user_api="blas"):
        yield
