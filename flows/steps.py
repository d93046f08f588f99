"""How a step of the night becomes a Prefect task."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from prefect import Task, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.utilities.annotations import opaque

from batch.blas import one_blas_thread
from batch.bulk import TRANSIENT_ERRORS
from batch.freed_memory import given_back
from flows.nightly_context import NightlyContext
from flows.side_by_side import raise_if_ended

P = ParamSpec("P")
R = TypeVar("R")
Step = Callable[Concatenate[NightlyContext, P], R]

_RETRIES = 2
_RETRY_SECONDS = [1.0, 5.0]


def step(name: str, *, retried: bool = False) -> Callable[[Step[P, R]], Step[P, R]]:
    """Make a function of the night a task with a name a data team understands.

    A `retried` step reads or writes and does no harm when it is done again. Values pass from step
    to step in memory: Prefect neither hashes them for a cache nor stores them as results, nor looks
    for its own objects within them, which took a second of a small night. It still knows which step
    made a value, and draws the arrow.
    """

    def decorate(work: Step[P, R]) -> Step[P, R]:
        @wraps(work)
        def timed(context: NightlyContext, /, *args: P.args, **kwargs: P.kwargs) -> R:
            with context.timed(name), given_back(), one_blas_thread():
                return work(context, *args, **kwargs)

        made: Callable[[Callable[..., R]], Task[..., R]] = task(
            name=name,
            task_run_name=name,
            cache_policy=NO_CACHE,
            persist_result=False,
            retries=_RETRIES if retried else 0,
            retry_delay_seconds=_RETRY_SECONDS if retried else 0,
            retry_condition_fn=_passes,
        )
        as_task = made(timed)

        @wraps(work)
        def run(context: NightlyContext, /, *args: P.args, **kwargs: P.kwargs) -> R:
            raise_if_ended()
            unseen = [opaque(value) for value in args]
            named = {name: opaque(value) for name, value in kwargs.items()}
            # The task unwraps what it is given.
            return as_task(context, *unseen, **named)

        return run

    return decorate


def _passes(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
    """Whether the trouble may pass by itself: the database could not be reached."""
    error = state.result(raise_on_failure=False)
    return isinstance(error, TRANSIENT_ERRORS)
