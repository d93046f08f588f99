"""Steps of a night that do not wait for each other, side by side where the log is short."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from functools import cache, partial
from typing import ParamSpec, Protocol, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


class Begin(Protocol):
    """Begins work of a night, which goes on; whoever calls the answer waits for what is made."""

    def __call__(
        self, work: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs
    ) -> Callable[[], R]:
        """The answer raises what the work raised, and may be called again."""


@contextmanager
def side_by_side(*, at_once: bool) -> Iterator[Begin]:
    """For the time of the block work can be begun; none of it goes on afterwards.

    Each has a thread, in which Prefect knows the flow run. The solver, the linear algebra of large
    arrays and PostgreSQL let other threads go on, so that more than one core has something to do.
    Unless `at_once`, nothing begins before somebody waits for it: the steps come one after another,
    and memory is that of one of them.
    """
    if not at_once:
        yield _later
        return
    with ThreadPoolExecutor(thread_name_prefix="night") as executor:

        def begin(work: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Callable[[], R]:
            return executor.submit(partial(copy_context().run, work, *args, **kwargs)).result

        try:
            yield begin
        finally:
            executor.shutdown(cancel_futures=True)


def _later(work: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Callable[[], R]:
    return cache(partial(work, *args, **kwargs))
