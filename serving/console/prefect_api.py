"""What a Prefect server knows of its deployments, asked over HTTP: Prefect itself is not needed.

The command line asks it too.
"""

import base64
import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

UNATTENDED = "x-tandem-unattended"
"""Header of requests that are no reason to keep a Prefect server up that rests when nobody asks."""

_SECONDS = 5.0
_NOT_STARTED = ["SCHEDULED", "PENDING"]


class PrefectAskedInVainError(Exception):
    """A Prefect server did not answer what it was asked; the message says why."""


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
    has_schedule: bool = False
    """Whether it has a schedule, active or not."""


@dataclass(frozen=True, slots=True)
class PrefectApi:
    """A Prefect server and how it is asked."""

    url: str
    credentials: tuple[str, str] | None

    def deployments(self, now: datetime) -> list[Deployment]:
        """All deployments, with the runs of those that have a schedule."""
        described = self.post("deployments/filter", {})
        return [self._deployment(deployment, now) for deployment in described]

    def next_runs(self, now: datetime) -> dict[str, datetime | None]:
        """When each deployment with a schedule runs next by itself; None: it does not."""
        return {
            deployment["name"]: self._due(deployment["id"], _after(now))
            for deployment in self.post("deployments/filter", {})
            if deployment["schedules"]
        }

    def worker_is_online(self, work_pool: str) -> bool:
        """Whether a worker takes the runs of the pool."""
        status, body = self._ask("GET", f"work_pools/{work_pool}")
        if status == HTTPStatus.NOT_FOUND:
            return False
        return bool(_checked(status, body)["status"] == "READY")

    def _deployment(self, described: dict[str, Any], now: datetime) -> Deployment:
        deployment = Deployment(
            name=described["name"],
            paused=described["paused"],
            scheduled=any(schedule["active"] for schedule in described["schedules"]),
            changed_at=_time(described["updated"]),
            has_schedule=bool(described["schedules"]),
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
        found = self.post("flow_runs/filter", asked)
        return _time(found[0]["expected_start_time"]) if found else None

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """The JSON that a POST answers; PrefectAskedInVainError if it does not succeed."""
        return _checked(*self._ask("POST", path, json.dumps(body)))

    def _ask(self, method: str, path: str, body: str | None = None) -> tuple[int, Any]:
        """The status and the JSON that is answered; None: it is none."""
        target = urlsplit(self.url)
        kind = HTTPSConnection if target.scheme == "https" else HTTPConnection
        connection = kind(target.hostname or "", target.port, timeout=_SECONDS)
        headers = {"Content-Type": "application/json", UNATTENDED: "1", **self._authorization()}
        try:
            connection.request(method, f"{target.path}/api/{path}", body, headers)
            answer = connection.getresponse()
            return answer.status, _parsed(answer.read())
        except (OSError, HTTPException) as error:
            raise PrefectAskedInVainError("it does not answer") from error
        finally:
            connection.close()

    def _authorization(self) -> dict[str, str]:
        if self.credentials is None:
            return {}
        secret = base64.b64encode(":".join(self.credentials).encode()).decode()
        return {"Authorization": f"Basic {secret}"}


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


def _checked(status: int, body: Any) -> Any:
    if status == HTTPStatus.UNAUTHORIZED:
        raise PrefectAskedInVainError("it refuses the password")
    if status != HTTPStatus.OK:
        raise PrefectAskedInVainError(f"it answers {status}")
    return body


def _parsed(text: bytes) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


@dataclass(frozen=True, slots=True)
class PrefectPages:
    """The addresses of Prefect's pages."""

    url: str | None
    """None: it is not known where they are."""

    def of_flow_run(self, flow_run_id: UUID | None) -> str | None:
        """The page of a flow run; None: there is none, or it is not known where."""
        if self.url is None or flow_run_id is None:
            return None
        return f"{self.url.rstrip('/')}/runs/flow-run/{flow_run_id}"
