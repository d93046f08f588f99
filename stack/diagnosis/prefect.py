"""Asking the stack's Prefect whether the scheduled flows will run."""

from collections.abc import Mapping
from datetime import UTC, datetime

import yaml

from flows.project_folder import deployments_file
from serving.console.kept_schedule import find_schedule
from serving.console.prefect_api import PrefectApi, PrefectAskedInVainError
from serving.diagnosis.finding import Finding
from stack.diagnosis.schedules import Nights, judge_schedules, server_in_trouble
from stack.local.home import Home
from stack.local.prefect_password import credentials
from stack.local.processes import WORK_POOL
from stack.local.supervision.state import ProcessEntry


def check_schedules(
    prefect_url: str, home: Home, entries: Mapping[str, ProcessEntry]
) -> list[Finding]:
    """Whether each scheduled deployment has a next run, and somebody takes its runs."""
    now = datetime.now(UTC)
    worker, server = entries.get("prefect-worker"), entries.get("prefect-server")
    logs = home.log("prefect-server"), home.log("deployments")
    kept = find_schedule(home.prefect_rest_file)
    if server is not None and server.state != "stopped" and kept is not None:
        # To ask it would start it.
        needed_since = kept.until if kept.until <= now else None
        resting = Nights(scheduled_names(), kept.at(now).deployments, True, None, needed_since)
        return [judge_schedules(resting, now, prefect_url, *logs)]
    api = PrefectApi(prefect_url, credentials(home.prefect_password_file))
    try:
        nights = Nights(
            expected=scheduled_names(),
            deployments=api.deployments(now),
            worker_online=api.worker_is_online(WORK_POOL),
            worker_since=_started(worker),
        )
    except PrefectAskedInVainError as error:
        advice = (
            f"See that prefect-server runs (`tandem status`) and what {home.log('prefect-server')}"
            f" says. Its password lies in {home.prefect_password_file}"
        )
        return [server_in_trouble(prefect_url, str(error), advice)]
    return [judge_schedules(nights, now, prefect_url, *logs)]


def scheduled_names() -> list[str]:
    """The deployments that `prefect.yaml` gives a schedule."""
    described = yaml.safe_load(deployments_file().read_text(encoding="utf-8"))
    return [
        deployment["name"] for deployment in described["deployments"] if deployment["schedules"]
    ]


def _started(worker: ProcessEntry | None) -> datetime | None:
    if worker is None or worker.created_at is None:
        return None
    return datetime.fromtimestamp(worker.created_at, UTC)
