"""Judging whether the scheduled flows will run by themselves. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from serving.console.prefect_api import Deployment
from serving.diagnosis.finding import Finding, format_duration

CHECK = "schedule"
_NOT_ALONE = "It does not run by itself."
_LATE_AFTER = timedelta(minutes=5)
_STARTED_WITHIN = timedelta(minutes=2)
"""So long a start of Prefect may take."""
_FIRST_RUN_WITHIN = timedelta(minutes=2)
"""Prefect makes the runs of a new or changed schedule within seconds, of all within a minute."""


@dataclass(frozen=True, slots=True)
class Nights:
    """What is known of the flows that run by themselves."""

    expected: Sequence[str]
    """The names of the deployments that ought to have a schedule."""
    deployments: Sequence[Deployment]
    worker_online: bool
    worker_since: datetime | None
    """When the worker was started: what was due before then could not begin."""
    needed_since: datetime | None = None
    """Since when a Prefect that rests should have been started; None: it runs, or may rest."""


@dataclass(frozen=True, slots=True)
class _Trouble:
    what: str
    advice: str
    since: datetime | None = None


def judge_schedules(
    nights: Nights, now: datetime, prefect_url: str, server_log: Path, deployments_log: Path
) -> Finding:
    """When the next runs come, or why one does not come by itself."""
    known = {deployment.name: deployment for deployment in nights.deployments}
    missing = [name for name in nights.expected if name not in known]
    watched = [
        deployment
        for deployment in known.values()
        if deployment.name in nights.expected or deployment.scheduled
    ]
    troubles = [_missing(name, deployments_log) for name in missing]
    if nights.needed_since is not None and now - nights.needed_since > _STARTED_WITHIN:
        troubles.append(_not_started(nights.needed_since, now, server_log))
    if not nights.worker_online:
        troubles.append(_no_worker(prefect_url))
    troubles += [
        trouble
        for deployment in watched
        if (trouble := _trouble(deployment, nights, now, prefect_url, server_log)) is not None
    ]
    coming = _format_runs(watched)
    if troubles:
        return _problem(troubles, coming)
    if nights.needed_since is not None:
        return Finding(CHECK, "notice", f"Prefect is being started. {coming}".rstrip())
    if any(deployment.next_run_at is None for deployment in watched):
        return Finding(CHECK, "notice", f"Prefect is making the next runs. {coming}".rstrip())
    return Finding(CHECK, "ok", coming)


def server_in_trouble(prefect_url: str, why: str, advice: str) -> Finding:
    """Prefect's server cannot be asked."""
    what = f"Prefect's server at {prefect_url} cannot be asked: {why}. Nothing runs by itself."
    return Finding(CHECK, "problem", what, advice=advice)


def _trouble(
    deployment: Deployment, nights: Nights, now: datetime, prefect_url: str, server_log: Path
) -> _Trouble | None:
    """Why a deployment does not run by itself; None: it does."""
    name = deployment.name
    in_prefect = f"in Prefect: {prefect_url}/deployments"
    if deployment.paused:
        return _Trouble(f"The deployment {name} is paused. {_NOT_ALONE}", f"Resume it {in_prefect}")
    if not deployment.scheduled:
        what = f"The deployment {name} has no active schedule. {_NOT_ALONE}"
        return _Trouble(what, f"Add one, or switch it on, {in_prefect}")
    late = _late(deployment, nights, now)
    if nights.needed_since is not None:
        # Neither its scheduler nor its worker can do anything.
        return late and replace(late, advice=_why_not_started(server_log))
    if late is not None:
        return late
    if deployment.next_run_at is None and now - deployment.changed_at > _FIRST_RUN_WITHIN:
        what = (
            f"Prefect has made no next run of {name}, though its schedule is active. {_NOT_ALONE}"
        )
        advice = f"Prefect's scheduler fails: see {server_log}. Then: tandem down, tandem up"
        return _Trouble(what, advice, deployment.changed_at)
    return None


def _late(deployment: Deployment, nights: Nights, now: datetime) -> _Trouble | None:
    due = deployment.overdue_since
    if due is None:
        return None
    could_begin = max(due, nights.worker_since or due)
    if now - could_begin <= _LATE_AFTER:
        return None
    what = f"A run of {deployment.name} was due {format_duration(now - due)} ago and has not begun."
    advice = "The worker does not take it: see the log of prefect-worker and `tandem status`"
    return _Trouble(what, advice, due)


def _not_started(needed_since: datetime, now: datetime, server_log: Path) -> _Trouble:
    ago = format_duration(now - needed_since)
    what = f"Prefect does not start: its rest was to end {ago} ago. Nothing runs by itself."
    return _Trouble(what, _why_not_started(server_log), needed_since)


def _why_not_started(server_log: Path) -> str:
    return f"It is tried again all the time; why it does not start: {server_log}"


def _missing(name: str, log: Path) -> _Trouble:
    what = f"The deployment {name} is not registered in Prefect. {_NOT_ALONE}"
    return _Trouble(what, f"`tandem up` registers it at its start; why it did not: {log}")


def _no_worker(prefect_url: str) -> _Trouble:
    what = "No worker takes the runs of the work pool tandem, or the pool is paused."
    advice = f"See `tandem status`, and {prefect_url}/work-pools"
    return _Trouble(f"{what} Nothing runs by itself.", advice)


def _problem(troubles: Sequence[_Trouble], coming: str) -> Finding:
    what = " ".join(trouble.what for trouble in troubles)
    since = min((trouble.since for trouble in troubles if trouble.since), default=None)
    advice = ". ".join(dict.fromkeys(trouble.advice for trouble in troubles))
    description = f"{what} {coming}".rstrip()
    return Finding(CHECK, "problem", description, since=since, advice=advice)


def _format_runs(deployments: Iterable[Deployment]) -> str:
    """As in "Next: nightly 2026-11-29 03:00 UTC, tune 2026-11-29 04:30 UTC."."""
    due = sorted(
        (deployment.next_run_at, deployment.name)
        for deployment in deployments
        if deployment.next_run_at is not None
    )
    runs = [f"{name} {time.astimezone(UTC):%Y-%m-%d %H:%M} UTC" for time, name in due]
    return f"Next: {', '.join(runs)}." if runs else ""
