"""A run that another one makes needless ends as cancelled, with the reason, and not as failed.

Several nights are due at once after days without a worker, or when a night outlasts its interval.
Prefect's own concurrency limits are not used for it (docs/decisions/0028-needless-runs.md).
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

from prefect.client.schemas.objects import State
from prefect.context import FlowRunContext
from prefect.runtime import deployment
from prefect.states import Cancelled

from domain.errors import (
    ImportInProgressError,
    NightMadeUpForError,
    RunInProgressError,
    TuningInProgressError,
)

R = TypeVar("R")


def unless_needless(work: Callable[[], R]) -> R | State[Any]:
    """What the work returns, or the cancelled state of a deployment's run that is not needed.

    Whoever calls the flow in a process of their own gets the error instead.
    """
    try:
        return work()
    except (
        NightMadeUpForError,
        RunInProgressError,
        TuningInProgressError,
        ImportInProgressError,
    ) as error:
        if deployment.get_id() is None:
            raise
        return Cancelled(message=str(error))


def due_by_schedule() -> datetime | None:
    """When its schedule wanted this run; None if somebody started it."""
    context = FlowRunContext.get()
    if context is None or context.flow_run is None or not context.flow_run.auto_scheduled:
        return None
    return context.flow_run.expected_start_time
