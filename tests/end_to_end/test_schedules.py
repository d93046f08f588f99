"""What is scheduled runs by itself: nobody starts it."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from stack.diagnosis.prefect import scheduled_names
from tests.end_to_end.conftest import SMALL, System
from tests.prefect_api import ask_again
from tests.waiting import wait_until

SOON = timedelta(seconds=20)
"""Longer than Prefect takes to see that a schedule was changed."""


def deployment(system: System, name: str) -> dict[str, Any]:
    listed = ask_again(system.prefect, "POST", "/deployments/filter", {}).json()
    (found,) = [row for row in listed if row["name"] == name]
    return dict(found)


def runs_of(system: System, deployment_id: str, **states: Any) -> list[dict[str, Any]]:
    wanted = {
        "deployments": {"id": {"any_": [deployment_id]}},
        "flow_runs": states,
        "sort": "EXPECTED_START_TIME_ASC",
    }
    return list(ask_again(system.prefect, "POST", "/flow_runs/filter", wanted).json())


def change(system: System, path: str, **what: Any) -> None:
    ask_again(system.prefect, "PATCH", path, what)


@contextmanager
def due_soon(system: System, name: str) -> Iterator[str]:
    """Let a deployment's schedule be due in some seconds, then as it was; the deployment's id."""
    found = deployment(system, name)
    (scheduled,) = found["schedules"]
    path = f"/deployments/{found['id']}"
    schedule_path = f"{path}/schedules/{scheduled['id']}"
    # A parameter that the flow itself would refuse here would be a failure of the run.
    change(system, path, parameters=SMALL.get(name, {}))
    anchor = (datetime.now(UTC) + SOON).isoformat()
    daily = {"interval": 86_400, "anchor_date": anchor, "timezone": "UTC"}
    change(system, schedule_path, schedule=daily)
    try:
        yield str(found["id"])
    finally:
        change(system, schedule_path, schedule=scheduled["schedule"])
        change(system, path, parameters=found["parameters"])


def test_the_next_runs_of_what_is_scheduled_exist_and_are_reported(system: System) -> None:
    scheduled = {"state": {"type": {"any_": ["SCHEDULED"]}}}
    ids = {name: str(deployment(system, name)["id"]) for name in scheduled_names()}
    wait_until(
        lambda: all(runs_of(system, each, **scheduled) for each in ids.values()), seconds=120
    )
    reported, diagnosed = system.json("status")["schedules"], system.run("diagnose").stdout
    for name, deployment_id in ids.items():
        next_at = datetime.fromisoformat(reported[name])
        assert next_at > datetime.now(UTC)
        due = [
            datetime.fromisoformat(run["expected_start_time"])
            for run in runs_of(system, deployment_id, **scheduled)
        ]
        assert next_at in due
        assert f"{name} {next_at:%Y-%m-%d %H:%M} UTC" in " ".join(diagnosed.split())


def test_what_is_due_runs_by_itself(system: System) -> None:
    newest = system.json("runs")[0]["run_id"]
    with ExitStack() as stack:
        due = [stack.enter_context(due_soon(system, name)) for name in scheduled_names()]

        def done(deployment_id: str) -> bool:
            found = runs_of(system, deployment_id)
            assert not {run["state_type"] for run in found} & {"FAILED", "CRASHED"}, found
            return any(run["state_type"] == "COMPLETED" and run["auto_scheduled"] for run in found)

        wait_until(lambda: all(map(done, due)), seconds=400)
    published = system.json("runs")[0]
    assert published["run_id"] > newest
    assert (published["state"], published["live"]) == ("published", True)
