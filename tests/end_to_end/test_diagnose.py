"""`tandem diagnose` on the whole system."""

import json
import os
import signal
from typing import Any

from tests.end_to_end.conftest import System
from tests.prefect_api import ask_again
from tests.waiting import wait_until


def findings(system: System) -> dict[str, dict[str, Any]]:
    body = json.loads(system.run("diagnose", "--json").stdout)
    return {finding["check"]: finding for finding in body["findings"]}


def problems(system: System) -> list[str]:
    return [name for name, finding in findings(system).items() if finding["severity"] == "problem"]


def test_a_system_that_was_just_started_is_well(system: System) -> None:
    # Prefect counts the worker as online from its first poll on.
    wait_until(lambda: system.run("diagnose").returncode == 0, seconds=60)
    found = findings(system)
    assert {"processes", "api", "schedule", "impressions", "disk"} <= found.keys()
    assert "problem" not in {finding["severity"] for finding in found.values()}


def test_a_paused_night_is_reported_until_it_is_resumed(system: System) -> None:
    deployment = ask_again(system.prefect, "GET", "/deployments/name/nightly/nightly", None).json()[
        "id"
    ]
    ask_again(system.prefect, "POST", f"/deployments/{deployment}/pause_deployment", None)
    try:
        assert problems(system) == ["schedule"]
        done = system.run("diagnose")
        assert done.returncode == 1
        assert "The deployment nightly is paused. It does not run by itself." in done.stdout
        assert system.json("status")["schedules"]["nightly"] is None
    finally:
        ask_again(system.prefect, "POST", f"/deployments/{deployment}/resume_deployment", None)
    assert problems(system) == []
    wait_until(lambda: system.json("status")["schedules"]["nightly"], seconds=120)


def test_a_worker_that_a_signal_has_stopped_is_reported_until_it_goes_on(system: System) -> None:
    worker = system.pid("speed")
    os.kill(worker, signal.SIGSTOP)
    try:
        wait_until(lambda: problems(system) == ["process-speed"])
        assert f"kill -CONT {worker}" in system.run("diagnose").stdout
    finally:
        os.kill(worker, signal.SIGCONT)
    wait_until(lambda: problems(system) == [])
