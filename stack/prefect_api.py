"""What the stack's Prefect server knows of its deployments, asked over HTTP."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from stack.http_client import JsonAnswer, ask

_NOT_STARTED = ["SCHEDULED", "PENDING"]


class PrefectAskedInVainError(Exception):
    """Prefect's server did not answer what it was asked; the message says why."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """A deployment and when its runs come."""

    name: str
    paused: bool
    scheduled: bool
    """Whether it has a schedule that is active."""
    changed_at: datetime
    """When it was registered, or changed last: resumed, or given another schedule."""
    next_run_at: datetime | None = None
    """When the next scheduled run is due; None: Prefect has not made one."""
    overdue_since: datetime | None = None
    """When the oldest run was due that is due and has not begun; None: there is none."""


@dataclass(frozen=True, slots=True)
class PrefectApi:
    """A Prefect server and how it is asked."""

    url: str
    credentials: tuple[str, str] | None

    def deployments(self, now: datetime) -> list[Deployment]:
        """All deployments, with the runs of those that have a schedule."""
        described = self._post("deployments/filter", {})
        return [self._deployment(deployment, now) for deployment in described]

    def next_runs(self, now: datetime) -> dict[str, datetime | None]:
        """When each deployment with a schedule runs next by itself; None: it does not."""
        return {
            deployment["name"]: self._due(deployment["id"], _after(now))
            for deployment in self._post("deployments/filter", {})
            if deployment["schedules"]
        }

    def worker_is_online(self, work_pool: str) -> bool:
        """Whether a worker takes the runs of the pool."""
        answer = ask(f"{self.url}/api/work_pools/{work_pool}", auth=self.credentials)
        if answer is not None and answer.status == HTTPStatus.NOT_FOUND:
            return False
        return bool(_body(answer)["status"] == "READY")

    def _deployment(self, described: dict[str, Any], now: datetime) -> Deployment:
        deployment = Deployment(
            name=described["name"],
            paused=described["paused"],
            scheduled=any(schedule["active"] for schedule in described["schedules"]),
            changed_at=_time(described["updated"]),
        )
        if not described["schedules"]:
            return deployment
        return replace(
            deployment,
            next_run_at=self._due(described["id"], _after(now)),
            overdue_since=self._due(described["id"], _before(now)),
        )

    def _due(self, deployment_id: str, runs: dict[str, Any]) -> datetime | None:
        """When the first of these runs of the deployment is, or was, due."""
        asked = {
            "deployments": {"id": {"any_": [deployment_id]}},
            "flow_runs": runs,
            "sort": "EXPECTED_START_TIME_ASC",
            "limit": 1,
        }
        found = self._post("flow_runs/filter", asked)
        return _time(found[0]["expected_start_time"]) if found else None

    def _post(self, path: str, body: dict[str, Any]) -> Any:
        return _body(ask(f"{self.url}/api/{path}", auth=self.credentials, json=body))


def format_time(time: datetime) -> str:
    """As in "2026-11-29T03:00:00Z"."""
    return f"{time.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _after(now: datetime) -> dict[str, Any]:
    return {
        "state": {"type": {"any_": ["SCHEDULED"]}},
        "expected_start_time": {"after_": now.isoformat()},
    }


def _before(now: datetime) -> dict[str, Any]:
    """Runs that are due and have not begun: nobody took them, or whoever took them is gone."""
    return {
        "state": {"type": {"any_": _NOT_STARTED}},
        "expected_start_time": {"before_": now.isoformat()},
        "start_time": {"is_null_": True},
    }


def _body(answer: JsonAnswer | None) -> Any:
    if answer is None:
        raise PrefectAskedInVainError("it does not answer")
    if answer.status == HTTPStatus.UNAUTHORIZED:
        raise PrefectAskedInVainError("it refuses the password")
    if answer.status != HTTPStatus.OK:
        raise PrefectAskedInVainError(f"it answers {answer.status}")
    return answer.body


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
