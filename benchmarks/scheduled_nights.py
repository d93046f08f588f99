"""Nights by schedule alone: the deployment's schedule is set, and Prefect is asked what ran."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

USER = "tandem"
DEPLOYMENT = "nightly/nightly"
PAGE = 200
FINAL = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}
SCHEDULING = timedelta(seconds=60)
"""Prefect's scheduler needs a moment: what is due sooner than this is not counted."""


@dataclass(frozen=True, slots=True)
class NightRun:
    """What became of one night that was due."""

    due: datetime
    flow_run_id: str | None
    """None: Prefect never made a run of it."""
    state: str
    message: str

    @property
    def ended(self) -> bool:
        """Whether it came to an end, good or bad."""
        return self.state in FINAL


class ScheduledNights:
    """The nightly deployment in a Prefect server."""

    def __init__(self, prefect_url: str, home: Path) -> None:
        self._client = httpx.Client(
            base_url=f"{prefect_url}/api", auth=_auth(home), timeout=60.0, trust_env=False
        )
        self._since = datetime.now(UTC)
        self._minutes = 0
        self._deployment_id = ""

    def every(self, minutes: int) -> None:
        """Let nights be due whenever the minute is a multiple of `minutes`."""
        deployment = self._ask("GET", f"/deployments/name/{DEPLOYMENT}")
        self._deployment_id, self._minutes = deployment["id"], minutes
        path = f"/deployments/{deployment['id']}/schedules/{deployment['schedules'][0]['id']}"
        schedule = {"cron": f"*/{minutes} * * * *", "timezone": "UTC"}
        self._ask("PATCH", path, {"schedule": schedule, "active": True})
        self._since = datetime.now(UTC)

    def pause(self) -> None:
        """Let no further night begin by itself."""
        self._ask("PATCH", f"/deployments/{self._deployment_id}", {"paused": True})

    def due(self, until: datetime) -> list[datetime]:
        """The times nights were due up to now."""
        first = self._since + SCHEDULING
        step = timedelta(minutes=self._minutes)
        hour = first.replace(minute=0, second=0, microsecond=0)
        times = [hour + number * step for number in range((until - hour) // step + 1)]
        return [time for time in times if first <= time <= until]

    def runs(self, until: datetime) -> list[NightRun]:
        """What became of each night that was due; only what the schedule made counts."""
        asked = {
            "deployments": {"id": {"any_": [self._deployment_id]}},
            "sort": "EXPECTED_START_TIME_DESC",
            "limit": PAGE,
        }
        made = {
            datetime.fromisoformat(run["expected_start_time"]): run
            for run in self._ask("POST", "/flow_runs/filter", asked)
            if run["auto_scheduled"]
        }
        return [_night(time, made.get(time)) for time in self.due(until)]

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        answer = self._client.request(method, path, json=body).raise_for_status()
        return answer.json() if answer.content else None


def _night(due: datetime, run: dict[str, Any] | None) -> NightRun:
    if run is None:
        return NightRun(due, None, "MISSING", "Prefect made no run of it.")
    state = run["state"] or {}
    return NightRun(due, run["id"], run["state_type"], state.get("message") or "")


def _auth(home: Path) -> tuple[str, str] | None:
    """What the server asks for, if it asks for anything."""
    try:
        return USER, (home / "prefect.password").read_text("utf-8").strip()
    except FileNotFoundError:
        return None
