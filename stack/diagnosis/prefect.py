"""Asking the stack's Prefect whether nights will run."""

from http import HTTPStatus
from typing import Any

from serving.services.diagnosis.finding import Finding
from stack.diagnosis.http_json import ask
from stack.diagnosis.judging import Schedule, judge_schedule
from stack.supervision.processes import WORK_POOL

_NIGHTLY = "nightly/nightly"
_READY = "READY"


def look_at_schedule(prefect_url: str) -> list[Finding]:
    """Whether the nightly deployment is scheduled and somebody takes its runs."""
    deployment = ask(f"{prefect_url}/api/deployments/name/{_NIGHTLY}")
    pool = ask(f"{prefect_url}/api/work_pools/{WORK_POOL}")
    if deployment is None or pool is None:
        what = f"Prefect's server does not answer at {prefect_url}. No night runs by itself."
        advice = "See that prefect-server runs (`tandem status`) and what its log says."
        return [Finding("schedule", "problem", what, advice=advice)]
    if deployment.status != HTTPStatus.OK:
        return [judge_schedule(Schedule(registered=False), prefect_url)]
    online = pool.status == HTTPStatus.OK and pool.body["status"] == _READY
    return [judge_schedule(_schedule(deployment.body, worker_online=online), prefect_url)]


def _schedule(deployment: dict[str, Any], *, worker_online: bool) -> Schedule:
    return Schedule(
        registered=True,
        paused=deployment["paused"],
        scheduled=any(schedule["active"] for schedule in deployment["schedules"]),
        worker_online=worker_online,
    )
