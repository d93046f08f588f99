"""What Prefect has to do, now and next, asked before it is stopped."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from serving.console.prefect_api import Deployment, PrefectApi, PrefectAskedInVainError

_PAGE = 200
_AT_WORK = ["PENDING", "RUNNING", "CANCELLING"]


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is at work and what comes."""

    at_work: bool
    """Whether a run has begun and not ended."""
    next_due: datetime | None
    """When the first of all runs that have not begun is due, or was; None: there is none."""
    deployments: Sequence[Deployment]

    def can_rest(self, now: datetime, ahead: timedelta) -> bool:
        """Whether nothing is at work, due, or nearly due."""
        soon = self.next_due is not None and self.next_due <= now + 2 * ahead
        return not (self.at_work or soon)


def look_ahead(prefect: PrefectApi, now: datetime, since: datetime) -> Outlook:
    """Let Prefect make the next runs of all active schedules, and ask what there is.

    Its scheduler makes them within a minute; it is not waited for. Runs that began before `since`
    are left out: their process has gone, or asks Prefect by itself. Raises PrefectAskedInVainError,
    also if an answer is not as it is expected, as another version of Prefect may give it.
    """
    try:
        return _look_ahead(prefect, now, since)
    except (LookupError, TypeError, ValueError) as error:
        raise PrefectAskedInVainError("its answer is not understood") from error


def _look_ahead(prefect: PrefectApi, now: datetime, since: datetime) -> Outlook:
    for deployment in _all_deployments(prefect):
        active = any(schedule["active"] for schedule in deployment["schedules"])
        if active and not deployment["paused"]:
            prefect.post(f"deployments/{deployment['id']}/schedule", {})
    return Outlook(
        at_work=_is_at_work(prefect, since),
        next_due=_next_due(prefect),
        deployments=prefect.deployments(now),
    )


def _all_deployments(prefect: PrefectApi) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while len(page := prefect.post("deployments/filter", _page(len(found)))) == _PAGE:
        found += page
    return [*found, *page]


def _page(offset: int) -> dict[str, Any]:
    return {"limit": _PAGE, "offset": offset, "sort": "NAME_ASC"}


def _is_at_work(prefect: PrefectApi, since: datetime) -> bool:
    asked = {"flow_runs": {"state": {"type": {"any_": _AT_WORK}}}, "sort": "ID_DESC"}
    found = prefect.post("flow_runs/filter", {**asked, "limit": _PAGE})
    return any(datetime.fromisoformat(run["state"]["timestamp"]) >= since for run in found)


def _next_due(prefect: PrefectApi) -> datetime | None:
    asked = {
        "flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}},
        "sort": "NEXT_SCHEDULED_START_TIME_ASC",
        "limit": 1,
    }
    for run in prefect.post("flow_runs/filter", asked):
        due = run["next_scheduled_start_time"]
        return datetime.fromisoformat(due) if due else datetime.min.replace(tzinfo=UTC)
    return None
