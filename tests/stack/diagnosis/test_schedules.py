"""Whether `tandem diagnose` and `tandem status` say when the scheduled flows run next."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from serving.console.kept_schedule import KeptSchedule, store_schedule
from serving.console.prefect_api import Deployment
from serving.diagnosis.finding import Finding
from stack.cli import app
from stack.diagnosis.prefect import check_schedules, scheduled_names
from stack.diagnosis.schedules import Nights, judge_schedules
from stack.local.home import UP, Home, owning
from stack.local.supervision.state import ProcessEntry, StackState, entry_of, store_state
from tests.http_server import served

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=1)
LATE = timedelta(hours=1)
NIGHTLY = Deployment("nightly", False, True, LONG_AGO, next_run_at=NOW + timedelta(hours=15))
TUNE = Deployment("tune", False, True, LONG_AGO, next_run_at=NOW + timedelta(hours=16.5))
WELL = Nights(("nightly", "tune"), (NIGHTLY, TUNE), worker_online=True, worker_since=LONG_AGO)


def judged(nights: Nights) -> Finding:
    return judge_schedules(nights, NOW, "http://p", Path("server.log"), Path("deployments.log"))


def test_the_times_of_the_next_runs_are_reported_the_soonest_first() -> None:
    found = judged(WELL)
    assert found.severity == "ok"
    assert found.what == "Next: nightly 2026-11-29 03:00 UTC, tune 2026-11-29 04:30 UTC."


@pytest.mark.parametrize(
    ("nights", "what", "advice"),
    [
        (replace(WELL, deployments=(TUNE,)), "nightly is not registered", "deployments.log"),
        (replace(WELL, deployments=(NIGHTLY,)), "tune is not registered", "deployments.log"),
        (replace(WELL, worker_online=False), "No worker takes the runs", "http://p/work-pools"),
        *(
            (replace(WELL, deployments=(deployment, TUNE)), what, advice)
            for deployment, what, advice in [
                (replace(NIGHTLY, paused=True), "nightly is paused", "Resume it"),
                (replace(NIGHTLY, scheduled=False), "no active schedule", "Add one"),
                (replace(NIGHTLY, next_run_at=None), "has made no next run", "server.log"),
                (
                    replace(NIGHTLY, overdue_since=NOW - timedelta(minutes=6)),
                    "was due 6 minutes ago and has not begun",
                    "prefect-worker",
                ),
            ]
        ),
    ],
)
def test_a_flow_that_will_not_run_by_itself_is_a_problem_with_what_to_do(
    nights: Nights, what: str, advice: str
) -> None:
    found = judged(nights)
    assert found.severity == "problem"
    assert what in found.what
    assert "by itself" in found.what or "has not begun" in found.what
    assert advice in str(found.advice)


def test_several_troubles_are_reported_together() -> None:
    found = judged(replace(WELL, deployments=(replace(NIGHTLY, paused=True),)))
    assert "nightly is paused" in found.what
    assert "tune is not registered" in found.what


def test_a_schedule_that_was_just_changed_gets_its_runs_in_a_moment() -> None:
    changed = replace(NIGHTLY, next_run_at=None, changed_at=NOW - timedelta(seconds=30))
    assert judged(replace(WELL, deployments=(changed, TUNE))).severity == "notice"


def test_a_run_missed_while_nothing_ran_is_not_late_before_the_worker_had_its_time() -> None:
    missed = replace(NIGHTLY, overdue_since=NOW - timedelta(hours=9))
    nights = replace(WELL, deployments=(missed, TUNE))
    assert judged(replace(nights, worker_since=NOW - timedelta(minutes=1))).severity == "ok"
    late = judged(replace(nights, worker_since=NOW - timedelta(minutes=7)))
    assert (late.severity, late.since) == ("problem", NOW - timedelta(hours=9))


@pytest.mark.parametrize(
    ("minutes", "severity", "what"),
    [(1, "notice", "Prefect is being started."), (3, "problem", "Prefect does not start")],
)
def test_a_rest_that_does_not_end_is_not_called_a_fault_of_the_scheduler(
    *, minutes: int, severity: str, what: str
) -> None:
    needed = NOW - timedelta(minutes=minutes)
    due = replace(NIGHTLY, next_run_at=None, overdue_since=NOW - timedelta(seconds=30))
    found = judged(replace(WELL, deployments=(due, TUNE), worker_since=None, needed_since=needed))
    assert (found.severity, found.what.startswith(what)) == (severity, True), found
    assert "Next: tune" in found.what
    if severity == "problem":
        assert found.advice == "It is tried again all the time; why it does not start: server.log"


def test_a_deployment_that_nobody_schedules_is_not_asked_for_a_run() -> None:
    rollback = Deployment("rollback", False, False, LONG_AGO)
    assert judged(replace(WELL, deployments=(NIGHTLY, TUNE, rollback))).severity == "ok"


def test_the_project_expects_a_schedule_of_the_night_and_of_the_search() -> None:
    assert {"nightly", "tune"} <= set(scheduled_names())
    assert "rollback" not in scheduled_names()


@contextmanager
def server_that_answers(status: int, body: Any = None) -> Iterator[str]:
    """An HTTP server that answers everything alike; its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_GET  # noqa: N815 - the name http.server looks for

        def log_message(self, *_: Any) -> None:
            return

    with served(Handler) as url:
        yield url


@pytest.mark.parametrize(
    ("status", "why"), [(401, "it refuses the password"), (503, "it answers 503")]
)
def test_a_prefect_server_that_does_not_tell_is_a_problem(
    tmp_path: Path, status: int, why: str
) -> None:
    with server_that_answers(status) as url:
        (found,) = check_schedules(url, Home(tmp_path), {})
    assert found.severity == "problem"
    assert why in found.what
    assert "prefect.password" in str(found.advice)


def status_output(prefect_url: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What `tandem status` prints, as JSON and in words, beside such a Prefect server."""
    home = Home(folder)
    monkeypatch.setenv("TANDEM_HOME", str(folder))
    with owning(home, UP):
        running = {"prefect-server": replace(entry_of(os.getpid()), state="running")}
        store_state(home.state_file, StackState("http://a", prefect_url, "", "", False, running))
        runner = CliRunner()
        return [runner.invoke(app, ["status", *more]).stdout for more in (["--json"], [])]


def test_status_says_that_the_schedules_are_unknown_and_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with server_that_answers(401) as url:
        as_json, words = status_output(url, tmp_path, monkeypatch)
    status = json.loads(as_json)
    assert status["schedules"] is None
    assert status["schedules_unknown_because"] == "it refuses the password"
    assert "schedules unknown: it refuses the password; see tandem diagnose" in " ".join(
        words.split()
    )


@pytest.mark.parametrize(("due", "severity"), [(timedelta(hours=1), "ok"), (-LATE, "problem")])
def test_while_prefect_rests_its_last_word_is_told_and_it_is_not_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, due: timedelta, severity: str
) -> None:
    now = datetime.now(UTC)
    kept = [
        Deployment(name, False, True, LONG_AGO, next_run_at=now + due, has_schedule=True)
        for name in scheduled_names()
    ]
    store_schedule(Home(tmp_path).prefect_rest_file, KeptSchedule(now + due, kept))
    resting = {"prefect-server": ProcessEntry("resting")}
    nobody = "http://127.0.0.1:1"
    (found,) = check_schedules(nobody, Home(tmp_path), resting)
    assert found.severity == severity, found
    phrases = ("does not start", "was due") if severity == "problem" else ("Next: ",)
    assert all(each in found.what for each in phrases), found
    assert "worker" not in str(found.advice)
    as_json, words = status_output(nobody, tmp_path, monkeypatch)
    status = json.loads(as_json)
    assert set(status["schedules"]) == set(scheduled_names())
    until = f"{now + due:%Y-%m-%d %H:%M} UTC"
    assert f"prefect rests until {until}, or until somebody asks" in " ".join(words.split())
