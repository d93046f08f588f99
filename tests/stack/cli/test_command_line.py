"""The command `tandem`, against a real database and without anything that runs."""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine, text
from typer.testing import CliRunner, Result

from serving.access.random_tokens import hash_token
from stack.cli import app
from stack.local.home import Home, owning
from stack.local.supervision.state import NAMES
from tests.programs import printed_by

COMMANDS = [
    [],
    ["up"],
    ["down"],
    ["load"],
    ["export"],
    ["nightly"],
    ["rollback"],
    ["tune"],
    ["housekeeping"],
    ["replay"],
    ["runs"],
    ["runs", "show"],
    ["status"],
    ["diagnose"],
    ["psql"],
    ["bench"],
    ["bench", "accuracy"],
    ["bench", "cold"],
    ["bench", "replay"],
    ["bench", "words"],
    ["bench", "chaos"],
    ["bench", "new-items"],
    ["key"],
    ["key", "create"],
    ["key", "list"],
    ["key", "revoke"],
    ["account"],
    ["account", "create"],
    ["account", "list"],
    ["account", "disable"],
    ["account", "reset"],
    ["token"],
    ["token", "rotate"],
    ["audit"],
    ["kind"],
    ["kind", "list"],
    ["kind", "set"],
    ["filter"],
    ["filter", "add"],
    ["loads"],
    ["completion"],
]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder as home and current folder; no settings of the machine."""
    monkeypatch.chdir(tmp_path)
    for name in ("DATABASE_URL", "REDIS_URL", "TANDEM_API_PORT", "TANDEM_PREFECT_PORT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TANDEM_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("TANDEM_DEBUG", raising=False)
    return tmp_path / "home"


@pytest.fixture
def external(home: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A database of the test in place of the embedded one."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    return database_url


def tandem(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def json_of(*arguments: str) -> Any:
    result = tandem(*arguments, "--json")
    assert result.exit_code == 0, result.output
    (line,) = result.stdout.splitlines()
    return json.loads(line)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_has_help(command: list[str]) -> None:
    result = tandem(*command, "--help")
    assert result.exit_code == 0
    assert "Usage:" in result.stdout


def test_help_waits_for_no_library_of_a_command() -> None:
    needless = ["sqlalchemy", "numpy", "pydantic", "psycopg", "redis", "prefect"]
    ask = (
        "import sys; from stack.cli import app; app(['--help'], standalone_mode=False);"
        f" print(sorted(set({needless}) & set(sys.modules)))"
    )
    printed = printed_by(ask)
    assert printed.splitlines()[-1] == "[]"
    assert "Start everything and keep it running" in printed


def test_a_group_without_a_command_shows_its_help_and_says_nothing_more() -> None:
    result = tandem("key")
    assert (result.exit_code, result.stderr) == (2, "")
    assert "key [OPTIONS] COMMAND" in result.stdout


def test_benchmarks_are_listed_by_name_and_another_name_is_refused() -> None:
    listed = tandem("bench", "--help")
    assert "Usage: tandem bench NAME" in listed.stdout
    assert {"accuracy", "chaos", "cold", "new-items", "replay", "words"} <= set(
        listed.stdout.split()
    )
    assert tandem("bench", "nothing").exit_code == 2


def test_a_benchmark_called_wrongly_is_one_clear_line() -> None:
    result = tandem("bench", "chaos", "--seconds", "5")
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert "--seconds" in line
    assert line.endswith("See: tandem bench chaos --help")


@pytest.mark.parametrize("absent", ["benchmarks", "tests.chaos"])
def test_where_the_benchmarks_are_not_installed_one_line_says_so(
    absent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.startswith(("benchmarks", "tests.chaos"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, absent, None)
    result = tandem("bench", "chaos", "--seconds", "10")
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert "benchmarks are not installed" in line


@pytest.mark.parametrize("given_in", ["environment", ".env"])
def test_a_misspelt_setting_is_refused_in_one_clear_line(
    home: Path, given_in: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.environ", os.environ.copy())
    if given_in == "environment":
        monkeypatch.setenv("TANDEM_API_PROT", "8001")
    else:
        (home.parent / ".env").write_text("TANDEM_API_PROT=8001\n")
    result = tandem("status")
    assert result.exit_code == 1
    (line,) = result.stderr.splitlines()
    assert line.startswith(
        "tandem: TANDEM_API_PROT is not a setting. Did you mean TANDEM_API_PORT?"
    )


def test_the_version_is_reported() -> None:
    assert tandem("--version").stdout.startswith("tandem 0.")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["fly"], "No such command 'fly'"),
        (["load"], "give a PATH"),
        (["completion"], "Choose from: bash, zsh, fish"),
        (["key", "create", "--scope", "read"], "Missing option '--name'"),
        (["runs", "--yaml"], "No such option"),
    ],
)
def test_wrong_use_is_one_line_and_exit_code_2(arguments: list[str], message: str) -> None:
    result = tandem(*arguments)
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert message in line


def test_when_nothing_was_started_every_process_is_stopped(home: Path) -> None:
    status = json_of("status")
    assert status["processes"] == {name: {"pid": None, "state": "stopped"} for name in NAMES}
    assert status["run"] is None
    assert status["first_recommendation_seconds"] is None
    assert status["api_url"] == "http://127.0.0.1:8000"
    assert not home.exists()


def test_without_data_there_are_no_runs_and_nothing_is_made(home: Path) -> None:
    assert json_of("runs") == []
    assert not home.exists()


def test_a_setting_that_is_no_number_is_named(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TANDEM_API_PORT", "eight")
    result = tandem("status")
    assert result.exit_code == 1
    assert "TANDEM_API_PORT: Input should be a valid integer" in result.stderr


def test_settings_may_stand_in_an_env_file(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TANDEM_API_PORT", "")  # put back after the test
    monkeypatch.delenv("TANDEM_API_PORT")
    Path(".env").write_text("TANDEM_API_PORT=8123\n")
    assert json_of("status")["api_url"] == "http://127.0.0.1:8123"


def test_runs_are_listed_newest_first(external: str, engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(
            text(
                "insert into model_runs"
                " (state, cut_off_position, cut_off_at, finished_at, metrics, reason) values"
                " ('published', 1, now(), now() + '2 s', '{\"ndcg@20\": 0.25}', null),"
                " ('refused', 2, now(), null, '{}', 'worse than popularity')"
            )
        )
        connection.execute(text("insert into live_run (run_id) select min(run_id) from model_runs"))
    refused, published = json_of("runs")
    assert (refused["state"], refused["live"]) == ("refused", False)
    assert refused["reason"] == "worse than popularity"
    assert (published["state"], published["live"]) == ("published", True)
    assert published["metrics"] == {"ndcg@20": 0.25}
    assert published["seconds"] == pytest.approx(2)
    assert set(published) == {
        "run_id",
        "state",
        "live",
        "cut_off_at",
        "started_at",
        "finished_at",
        "seconds",
        "metrics",
        "reason",
    }
    assert "published, live" in tandem("runs").stdout


def test_a_key_is_reported_once_and_only_its_hash_is_stored(external: str) -> None:
    created = json_of("key", "create", "--name", "app", "--scope", "read", "--scope", "write")
    assert created["scopes"] == ["read", "write"]
    with psycopg.connect(external) as connection:
        row = connection.execute("select name, key_hash, scopes from api_keys").fetchone()
    assert row == ("app", hash_token(created["key"]), ["read", "write"])


def test_a_key_administers_only_if_that_was_asked_for(
    external: str,
) -> None:
    assert json_of("key", "create", "--name", "app")["scopes"] == ["read", "users", "write"]
    assert json_of("key", "create", "--name", "boss", "--scope", "admin")["scopes"] == ["admin"]


def test_a_revoked_key_is_listed_as_such_and_its_name_stays_taken(external: str) -> None:
    json_of("key", "create", "--name", "app", "--scope", "read")
    assert tandem("key", "revoke", "app").exit_code == 0
    (listed,) = json_of("key", "list")
    assert listed["revoked_at"] is not None
    again = tandem("key", "create", "--name", "app", "--scope", "read")
    assert again.exit_code == 1
    assert "There is a key named 'app' already" in again.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["key", "revoke", "nobody"], "No key has the name or the prefix 'nobody'"),
        (["key", "create", "--name", "a", "--scope", "own"], "There is no scope 'own'"),
        (["key", "create", "--name", "", "--scope", "read"], "1 to 100 characters"),
        (["load", "nowhere.csv"], "There is no file or folder nowhere.csv"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_exit_code_1(
    external: str, arguments: list[str], message: str
) -> None:
    result = tandem(*arguments)
    assert result.exit_code == 1
    (line,) = result.stderr.splitlines()
    assert message in line


def test_an_unreachable_database_is_one_line(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/nothing")
    result = tandem("runs")
    assert result.exit_code == 1
    (line,) = result.stderr.splitlines()
    assert line.startswith("tandem: PostgreSQL: ")


def test_a_folder_that_another_command_works_in_is_left_alone(external: str, home: Path) -> None:
    with owning(Home(home), "tandem load"):
        result = tandem("runs")
    assert result.exit_code == 1
    assert "tandem load (pid" in result.stderr


def test_down_says_that_nothing_runs(home: Path) -> None:
    result = tandem("down")
    assert result.exit_code == 0
    assert "does not run" in result.stdout


def test_files_are_loaded_and_rejects_are_reported(external: str) -> None:
    Path("items.csv").write_text("item_id,title\nfilm-1,One\nfilm-2,Two\n")
    Path("events.csv").write_text(
        "user_id,item_id,kind,occurred_at\n"
        "ann,film-1,view,2026-01-01T00:00:00Z\n"
        "ann,film-9,view,2026-01-01T00:00:00Z\n"
    )
    assert tandem("load", "items.csv").exit_code == 0
    result = tandem("load", "events.csv")
    assert result.exit_code == 0, result.output
    assert "rejected 1" in result.stdout
    with psycopg.connect(external) as connection:
        assert connection.execute("select count(*) from interactions").fetchone() == (1,)


def test_the_embedded_database_is_started_for_the_length_of_a_command(home: Path) -> None:
    json_of("key", "create", "--name", "app", "--scope", "read")
    (listed,) = json_of("key", "list")
    assert listed["name"] == "app"
    assert (home / "postgres" / "PG_VERSION").exists()
    assert not (home / "postgres" / "postmaster.pid").exists()
