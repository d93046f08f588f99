"""Steps of a night that do not wait for each other, side by side where the log is short."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from functools import cache, partial
from typing import ParamSpec, Protocol, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


class NightEndsError(Exception):
    """Something else failed or was cancelled: this step does not go on, and nobody is told of it.

    What is told is the error that ended the night.
    """


class Begin(Protocol):
    """Begins work of a night, which goes on; whoever calls the answer waits for what is made."""

    def __call__(
        self, work: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs
    ) -> Callable[[], R]:
        """The answer raises what the work raised, and may be called again."""


class _Ending:
    """The first error of all threads, after which none of them begins anything."""

    error: BaseException | None = None

    def note(self, error: BaseException) -> BaseException:
        """The first error, which may be this one."""
        if self.error is None:
            self.error = error
        return self.error

    def run(self, work: Callable[[], R]) -> R:
        """Do work of a thread, unless it is too late."""
        raise_if_ended()
        try:
            return work()
        except BaseException as error:
            self.note(error)
            raise


_ending: ContextVar[_Ending | None] = ContextVar("ending", default=None)


def raise_if_ended() -> None:
    """Raise NightEndsError if a step beside this one has failed, or the night was cancelled."""
    ending = _ending.get()
    if ending is not None and ending.error is not None:
        raise NightEndsError("The night ends.")


@contextmanager
def side_by_side(*, at_once: bool) -> Iterator[Begin]:
    """For the time of the block work can be begun; none of it goes on afterwards.

    Each has a thread, in which Prefect knows the flow run. The solver, the linear algebra of large
    arrays and PostgreSQL let other threads go on, so that more than one core has something to do.
    After an error, of the block or of any work, nothing begins any more in any thread: work that
    waits for other work ends there, steps raise NightEndsError, and the first error is raised.
    Unless `at_once`, nothing begins before somebody waits for it: the steps come one after another,
    and memory is that of one of them.
    """
    if not at_once:
        yield _later
        return
    ending = _Ending()
    token = _ending.set(ending)
    try:
        with _threads(ending) as begin:
            yield begin
    finally:
        _ending.reset(token)


@contextmanager
def _threads(ending: _Ending) -> Iterator[Begin]:
    with ThreadPoolExecutor(thread_name_prefix="night") as executor:

        def begin(work: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Callable[[], R]:
            called = partial(work, *args, **kwargs)
            future = executor.submit(partial(copy_context().run, ending.run, called))

            def wait() -> R:
                made = future.result()
                raise_if_ended()
                return made

            return wait

        try:
            yield begin
        except Exception as error:
            first = ending.note(error)
            if first is not error:
                raise first from None
            raise
        except BaseException as error:
            ending.note(error)
            raise
        finally:
            executor.shutdown(cancel_futures=True)


def _later(work: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Callable[[], R]:
    return cache(partial(work, *args, **kwargs))
