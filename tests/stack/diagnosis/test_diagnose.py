"""`tandem diagnose`, and what it judges beside what the API does."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from typer.testing import CliRunner

from stack.api_key import diagnose_key, first_key
from stack.cli import app
from stack.diagnosis.api import answers
from stack.diagnosis.judging import (
    GIB,
    Disk,
    judge_disk,
    judge_leftovers,
    judge_processes,
)
from stack.diagnosis.whole import frozen_names
from stack.local.home import UP, Home, owning
from stack.local.ports import free_port
from stack.local.supervision.state import ProcessEntry, ProcessState, entry_of
from tests.events import event, record
from tests.programs import program
from tests.small_run import publish_small_run
from tests.waiting import wait_until


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder as home and current folder; no settings of the machine, nothing runs."""
    monkeypatch.chdir(tmp_path)
    for name in ("DATABASE_URL", "REDIS_URL", "TANDEM_DEBUG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TANDEM_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TANDEM_API_PORT", str(free_port()))
    return tmp_path / "home"


@pytest.fixture
def external(
    home: Path, database_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """Servers of one's own."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("REDIS_URL", redis_url)
    return home


@pytest.fixture
def api(external: Path, tmp_path: Path) -> Iterator[None]:
    """The API as a process, on those servers; its log lies in the test's folder."""
    with (tmp_path / "api.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "serving"], env=dict(os.environ), stdout=log, stderr=log
        )
    url = f"http://127.0.0.1:{os.environ['TANDEM_API_PORT']}"
    try:
        wait_until(lambda: answers(url), seconds=300)
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def diagnosed(*, exit_code: int) -> dict[str, dict[str, Any]]:
    """The findings by what was looked at."""
    result = CliRunner().invoke(app, ["diagnose", "--json"])
    assert result.exit_code == exit_code, result.output
    body = json.loads(result.stdout)
    assert body["well"] == (exit_code == 0)
    by_check = {finding["check"]: finding for finding in body["findings"]}
    assert len(by_check) == len(body["findings"])
    return by_check


def test_with_nothing_running_it_says_how_to_start_and_makes_nothing(home: Path) -> None:
    found = diagnosed(exit_code=1)
    assert set(found) == {"stack", "disk"}
    result = CliRunner().invoke(app, ["diagnose"])
    assert "✗ Tandem is not running.\n    → Start it with: tandem up\n" in result.stdout
    assert result.stdout.endswith("1 problem, 0 notices.\n")
    assert not home.exists()


def test_wrong_use_has_exit_code_2(home: Path) -> None:
    assert CliRunner().invoke(app, ["diagnose", "--loud"]).exit_code == 2


def test_servers_of_ones_own_are_looked_at_while_nothing_else_runs(external: Path) -> None:
    found = diagnosed(exit_code=1)
    assert found["stack"]["severity"] == "problem"
    assert found["postgres"]["severity"] == found["redis"]["severity"] == "ok"
    assert found["items"]["severity"] == found["events"]["severity"] == "problem"


def test_stores_that_are_away_are_findings_and_not_errors(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/nothing")
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")
    found = diagnosed(exit_code=1)
    assert "PostgreSQL is away: " in found["postgres"]["what"]
    assert "Redis is away: " in found["redis"]["what"]


def test_a_system_that_is_well_has_exit_code_0_and_the_api_was_asked_itself(
    api: None, external: Path, engine: Engine, film_nos: list[int], speed_worker: None
) -> None:
    with engine.begin() as connection:
        record(connection, [event(user, film_nos[0]) for user in ("ann", "bob")])
    with engine.begin() as connection:
        publish_small_run(connection, film_nos)
    assert "there is no key in" in diagnosed(exit_code=0)["api"]["what"]
    Home(external).make()
    diagnose_key(engine, Home(external).diagnose_key_file)
    found = diagnosed(exit_code=0)
    assert found["api"]["severity"] == "ok"
    assert "impressions" in found, "only the API's process knows of these"
    assert "stack" not in found


def test_a_stack_that_is_only_starting_is_worth_a_notice(home: Path) -> None:
    with owning(Home(home), UP):
        assert diagnosed(exit_code=0)["stack"]["what"] == "Tandem is starting."


def test_a_first_key_without_a_scope_of_today_is_made_anew(engine: Engine, tmp_path: Path) -> None:
    file = tmp_path / "first_key"
    key, _ = first_key(engine, file)
    assert first_key(engine, file) == (key, False)
    with engine.begin() as connection:
        connection.exec_driver_sql("update api_keys set scopes = '{read}'")
    renewed, is_new = first_key(engine, file)
    assert is_new
    assert file.read_text() == renewed != key


def test_the_first_key_reads_writes_and_sees_users_and_the_one_of_diagnose_is_another(
    engine: Engine, tmp_path: Path
) -> None:
    key, _ = first_key(engine, tmp_path / "first_key")
    asking = diagnose_key(engine, tmp_path / "diagnose_key")
    assert diagnose_key(engine, tmp_path / "diagnose_key") == asking != key
    with engine.connect() as connection:
        rows = connection.exec_driver_sql("select name, scopes from api_keys").all()
    assert {name: set(scopes) for name, scopes in rows} == {
        "first": {"read", "write", "users"},
        "diagnose": {"admin"},
    }
    assert (tmp_path / "diagnose_key").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("state", "severity", "words"),
    [
        ("starting", "notice", "speed is starting"),
        ("restarting", "problem", "being started again"),
        ("failed", "problem", "ended too often"),
        ("stopped", "problem", "speed does not run"),
    ],
)
def test_a_process_that_does_not_run_is_reported_with_its_log(
    state: ProcessState, severity: str, words: str
) -> None:
    entries = {"api": ProcessEntry("running", 1), "speed": ProcessEntry(state)}
    (finding,) = judge_processes(entries, lambda name: Path(f"logs/{name}.log"))
    assert (finding.check, finding.severity) == ("process-speed", severity)
    assert words in finding.what
    assert "logs/speed.log" in str(finding.advice)


def test_processes_that_all_run_are_one_finding() -> None:
    entries = {"api": ProcessEntry("running", 1), "speed": ProcessEntry("running", 2)}
    (finding,) = judge_processes(entries, Path)
    assert (finding.severity, finding.what) == ("ok", "All 2 processes run.")


def test_what_a_killed_start_has_left_running_is_reported() -> None:
    assert judge_leftovers({"api": ProcessEntry("stopped")}) == []
    (finding,) = judge_leftovers({"redis": ProcessEntry("running", 77)})
    assert "redis (pid 77)" in finding.what
    assert "tandem down" in str(finding.advice)


@pytest.mark.parametrize(
    ("total", "free", "severity"),
    [
        (1000 * GIB, 500 * GIB, "ok"),
        (1000 * GIB, 20 * GIB, "ok"),
        (100 * GIB, 9 * GIB, "notice"),
        (100 * GIB, 4 * GIB, "problem"),
        (2 * GIB, GIB // 2, "problem"),
    ],
)
def test_a_disk_that_is_nearly_full_is_reported(total: int, free: int, severity: str) -> None:
    assert judge_disk(Disk(Path("/data"), total, free)).severity == severity


def test_a_process_that_a_signal_has_stopped_is_reported_with_how_to_let_it_go_on(
    home: Path,
) -> None:
    with program([sys.executable, "-c", "import time; time.sleep(600)"]) as process:
        entry = replace(entry_of(process.pid), state="running")
        assert not entry.is_frozen()
        process.send_signal(signal.SIGSTOP)
        wait_until(entry.is_frozen)
        (finding,) = judge_processes({"speed": entry}, Path, ["speed"])
        frozen = {"speed": entry, "prefect-worker": entry}
        assert frozen_names(frozen, Home(home)) == ["speed", "prefect-worker"]
        # The worker is put to rest.
        home.mkdir()
        Home(home).prefect_rest_file.touch()
        assert frozen_names(frozen, Home(home)) == ["speed"]
    assert (finding.check, finding.severity) == ("process-speed", "problem")
    assert "speed is frozen" in finding.what
    assert finding.advice == f"Let it go on: kill -CONT {process.pid}"
    begun = {"speed": replace(entry, state="starting")}
    assert judge_processes(begun, Path, ["speed"]) == [finding]
    assert not entry.is_frozen()


def test_a_full_disk_without_the_database_on_it_is_reported_otherwise() -> None:
    here = Disk(Path("/data"), 100 * GIB, 4 * GIB)
    assert "PostgreSQL stops" in str(judge_disk(here).advice)
    assert "PostgreSQL" not in str(judge_disk(replace(here, holds_postgres=False)).advice)
