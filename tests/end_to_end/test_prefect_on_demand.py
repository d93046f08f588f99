"""Prefect runs only while it is needed, and what is due runs by itself all the same."""

import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from stack.served_run import look_up_served_run
from tests.end_to_end.conftest import SMALL, SMALL_NIGHTS, System, running_system
from tests.end_to_end.test_schedules import change, deployment
from tests.recording_proxy import RecordingProxy, recording_proxy
from tests.waiting import wait_until

SETTINGS = {
    "TANDEM_PREFECT": "when_needed",
    "TANDEM_PREFECT_AHEAD_SECONDS": "5",
    "TANDEM_PREFECT_IDLE_SECONDS": "5",
    "TANDEM_API_WORKERS": "1",
    **SMALL_NIGHTS,
}
SOON = timedelta(seconds=25)
STARTS = 3
"""It is due so many starts of Prefect later besides: a busy machine takes longer to let it rest."""
PATIENCE_SECONDS = 300


@pytest.fixture(scope="module")
def place() -> Iterator[tuple[Path, RecordingProxy]]:
    """A home folder and a proxy."""
    with tempfile.TemporaryDirectory(prefix="tandem-") as home, recording_proxy() as proxy:
        yield Path(home), proxy


def rests(system: System) -> bool:
    """Whether it does, without a question that might come while it is being stopped."""
    has_kept = (system.home / "prefect.rest.json").exists()
    return has_kept and system.state().processes["prefect-server"].state == "resting"


def let_be_due(system: System, name: str, later: timedelta = timedelta()) -> datetime:
    """Change a deployment's schedule over Prefect's API; when it is due, SOON or so much later."""
    asked_at = datetime.now(UTC)
    found = deployment(system, name)
    due = datetime.now(UTC) + SOON + later + STARTS * (datetime.now(UTC) - asked_at)
    daily = {"interval": 86_400, "anchor_date": due.isoformat(), "timezone": "UTC"}
    (scheduled,) = found["schedules"]
    change(system, f"/deployments/{found['id']}", parameters=SMALL.get(name, {}))
    change(system, f"/deployments/{found['id']}/schedules/{scheduled['id']}", schedule=daily)
    return due


def next_run(system: System, name: str) -> datetime:
    return datetime.fromisoformat(system.json("status")["schedules"][name])


# It waits for what the clock brings, again and again.
@pytest.mark.timeout(1800)
def test_what_is_due_runs_by_itself_while_prefect_rests_before_and_after(
    place: tuple[Path, RecordingProxy], tmp_path: Path
) -> None:
    home, proxy = place
    output = tmp_path / "output"
    with running_system(home, output, proxy, **SETTINGS) as system:
        wait_until(lambda: rests(system), seconds=PATIENCE_SECONDS)
        assert system.json("status")["processes"]["prefect-server"]["state"] == "resting"
        diagnosed = system.run("diagnose")
        assert diagnosed.returncode == 0, diagnosed.stdout
        assert rests(system), "neither status nor diagnose may start it"
        newest = system.json("runs")[0]["run_id"]
        # Nobody started it: the request waits until it answers.
        due = let_be_due(system, "nightly")
        wait_until(lambda: rests(system), seconds=PATIENCE_SECONDS)
        assert next_run(system, "nightly") == due.replace(microsecond=0)

        def published() -> bool:
            run = look_up_served_run(system.state().database_url).run
            return run is not None and run["run_id"] > newest

        wait_until(published, seconds=PATIENCE_SECONDS)
        run = system.json("runs")[0]
        assert (run["state"], run["live"]) == ("published", True)

        # Killed while it rests: what falls due meanwhile runs late, as soon as there is somebody.
        # What the night took tells how long a busy machine takes to let Prefect rest after it.
        begun, night = due, datetime.now(UTC) - due
        due = let_be_due(system, "housekeeping", night)
        wait_until(lambda: rests(system), seconds=PATIENCE_SECONDS)
        assert next_run(system, "nightly") > begun
        system.up.kill()
        system.up.wait(timeout=60)
        wait_until(lambda: datetime.now(UTC) > due, seconds=PATIENCE_SECONDS)
    with running_system(home, output, proxy, **SETTINGS) as system:

        def ran() -> bool:
            asked: dict[str, Any] = {
                "deployments": {"name": {"any_": ["housekeeping"]}},
                "sort": "EXPECTED_START_TIME_ASC",
            }
            runs = system.prefect.post("/flow_runs/filter", json=asked).json()
            return any(
                run["state_type"] == "COMPLETED"
                and run["auto_scheduled"]
                and datetime.fromisoformat(run["expected_start_time"]) == due
                for run in runs
            )

        wait_until(ran, seconds=PATIENCE_SECONDS)
        wait_until(lambda: rests(system), seconds=PATIENCE_SECONDS)
