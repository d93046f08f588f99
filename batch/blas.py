"""How many threads linear algebra has while something is fitted or measured."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any

from threadpoolctl import get_cached_controller


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Let BLAS compute with one thread, for a block or a decorated function.

    `implicit` has threads of its own, which those of a BLAS slow down, and most other products here
    are of a vector or a few hundred rows: threads that share busy cores then wait for each other.
    It holds for every BLAS that is loaded when the block begins (numpy and scipy have one each);
    afterwards each has as many threads as before. Of blocks within each other, and in several
    threads at once, the first sets the number and the last to end sets it back. OpenBLAS wants both
    to be done by the thread that loaded it, so one block should be around such threads.
    """
    _blocks.enter()
    try:
        yield
    finally:
        _blocks.leave()


class _Blocks:
    """The blocks that are under way in all threads: the number is the process's."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._under_way = 0
        self._limits: Any = None

    def enter(self) -> None:
        """One more."""
        with self._lock:
            if not self._under_way:
                # The controller looks for libraries again once modules were imported: in every
                # block that was a fifth of the processor time of a small night.
                self._limits = get_cached_controller().limit(limits=1, user_api="blas")
            self._under_way += 1

    def leave(self) -> None:
        """One less."""
        with self._lock:
            self._under_way -= 1
            if not self._under_way and self._limits is not None:
                self._limits.restore_original_limits()


_blocks = _Blocks()
