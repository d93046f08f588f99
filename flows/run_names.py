"""What flow runs are called: by what they do and when. Prefect's own names are two words at random.

A flow run has such a name from the moment it begins.
"""

from collections.abc import Callable
from datetime import datetime

from prefect import get_run_logger
from prefect.client.orchestration import get_client
from prefect.context import FlowRunContext
from prefect.runtime import flow_run

from domain.identifiers import RunId


def by_day(what: str) -> Callable[[], str]:
    """`what` of the day for which it was scheduled, in UTC: night of 28 November."""
    return lambda: f"{what} of {day(flow_run.get_scheduled_start_time())}"


def by_time(what: str) -> Callable[[], str]:
    """The same with the time, of what may run many times a day: diagnosis of 28 November, 14:05."""
    return lambda: f"{what} of {_minute(flow_run.get_scheduled_start_time())}"


def import_name() -> str:
    """The name of the import, with day and time."""
    return by_time(f"import {flow_run.get_parameters()['name']}")()


def day(moment: datetime) -> str:
    """As people write it."""
    return f"{moment.day} {moment:%B}"


def _minute(moment: datetime) -> str:
    return f"{day(moment)}, {moment:%H:%M}"


def add_run_to_name(run_id: RunId) -> None:
    """Put the number of the model run before the flow run's name, now that it is known."""
    context = FlowRunContext.get()
    if context is None or context.flow_run is None:
        return
    name = f"run {run_id}, {context.flow_run.name}"
    try:
        with get_client(sync_client=True) as client:
            client.set_flow_run_name(context.flow_run.id, name)
    except Exception as trouble:  # noqa: BLE001 -- no night depends on what it is called
        get_run_logger().warning("The flow run could not be named %s: %s", name, trouble)
        return
    context.flow_run.name = name
