"""What of the caller's environment reaches the stack's processes, and what does not."""

import os
import socket
import subprocess
from pathlib import Path

import httpx
import psycopg
import pytest
from adbc_driver_postgresql import dbapi
from typer.testing import CliRunner

from stack.cli import app
from stack.health import refusal
from stack.http_client import ask
from stack.local.caller import close_off
from stack.local.environment import api_environment, prefect_environment
from stack.local.home import UP, Home, owning
from stack.local.password_file import ensure_password
from stack.local.processes import api_service, speed_service
from stack.local.servers.child_process import ServerNotReadyError
from stack.local.servers.databases import ensure_database
from stack.local.servers.postgres import running_postgres
from stack.local.supervision.state import ProcessEntry, StackState, store_state
from stack.settings import StackSettings
from tests.libpq_strangers import STRANGERS
from tests.recording_proxy import recording_proxy
from tests.stack.diagnosis.test_schedules import server_that_answers

PREFECT = "http://127.0.0.1:4200"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.make()
    return home


@pytest.fixture
def strangers(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of somebody who has PostgreSQL servers of their own."""
    for name, value in STRANGERS.items():
        monkeypatch.setenv(name, value)


def test_the_stacks_own_servers_are_never_asked_through_a_proxy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with server_that_answers(200, {"well": True}) as url, recording_proxy() as proxy:
        for name, value in proxy.environment.items():
            monkeypatch.setenv(name, value)
        assert httpx.Client()._mounts, "httpx by itself would use it"
        answer = ask(f"{url}/healthz")
        assert answer is not None
        assert answer.body == {"well": True}
        assert refusal(url) is None
        assert proxy.asked == []


def test_a_server_that_is_not_there_or_does_not_answer_is_a_refusal() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
    assert refusal(f"http://127.0.0.1:{port}") is not None
    assert ask(f"http://127.0.0.1:{port}") is None
    with server_that_answers(503) as url:
        assert refusal(url) == "it answers 503"


@pytest.mark.parametrize(
    ("spelt", "exempt"),
    [
        ({}, "127.0.0.1,localhost,::1"),
        ({"no_proxy": "db.example"}, "db.example,127.0.0.1,localhost,::1"),
        ({"NO_PROXY": "db.example, ::1"}, "db.example,::1,127.0.0.1,localhost"),
        ({"no_proxy": "a", "NO_PROXY": "b"}, "a,b,127.0.0.1,localhost,::1"),
        ({"no_proxy": ""}, "127.0.0.1,localhost,::1"),
    ],
)
def test_children_ask_this_machine_without_the_proxy_and_others_as_the_caller_wants(
    home: Home, monkeypatch: pytest.MonkeyPatch, spelt: dict[str, str], exempt: str
) -> None:
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {**spelt, "HTTP_PROXY": "http://proxy.example"}.items():
        monkeypatch.setenv(name, value)
    environment = prefect_environment(home, PREFECT)
    assert environment["no_proxy"] == environment["NO_PROXY"] == exempt
    assert environment["HTTP_PROXY"] == "http://proxy.example"


def test_prefect_asks_for_the_password_of_the_home_and_trusts_its_own_pages_only(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (
        "PREFECT_API_AUTH_STRING",
        "PREFECT_SERVER_API_AUTH_STRING",
        "PREFECT_SERVER_API_CORS_ALLOWED_ORIGINS",
        "PREFECT_SERVER_CORS_ALLOWED_ORIGINS",
    ):
        monkeypatch.setenv(name, "*")
    environment = prefect_environment(home, PREFECT)
    password = f"tandem:{home.prefect_password_file.read_text()}"
    assert environment["PREFECT_API_AUTH_STRING"] == password
    assert environment["PREFECT_SERVER_API_AUTH_STRING"] == password
    assert "*" not in environment.values()
    origins = environment["PREFECT_SERVER_CORS_ALLOWED_ORIGINS"].split(",")
    assert origins == ["http://127.0.0.1:4200", "http://localhost:4200"]


def test_the_speed_worker_is_not_told_the_password_of_prefect_and_the_api_asks_with_it() -> None:
    prefect = {"PREFECT_API_URL": PREFECT, "PREFECT_API_AUTH_STRING": "tandem:secret"}
    others = {"PREFECT_SERVER_API_AUTH_STRING": "tandem:secret", "PREFECT_HOME": "prefect"}
    environment = {**prefect, **others, "TANDEM_HOME": "here"}
    speed = speed_service(environment).prepare()
    assert speed.options()["env"].items() >= {"TANDEM_HOME": "here"}.items()
    assert not [name for name in speed.options()["env"] if name.startswith("PREFECT_")]
    api = api_service(environment, "http://127.0.0.1:1").prepare().options()["env"]
    assert {name: api[name] for name in api if name.startswith("PREFECT_")} == prefect
    # It listens for its worker, until that one has ended.
    with subprocess.Popen(["true"]) as process, pytest.raises(ServerNotReadyError):
        speed.wait_until_ready(process)


def test_the_password_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "prefect.password"
    password = ensure_password(file)
    assert len(password) >= 32
    assert ensure_password(file) == password == file.read_text()
    assert file.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [file]
    file.write_text("")
    assert ensure_password(file) not in {"", password}


@pytest.mark.usefixtures("strangers")
def test_the_embedded_server_its_tools_and_our_connections_know_nothing_of_other_servers(
    tmp_path: Path,
) -> None:
    with running_postgres(tmp_path / "postgres", durable=False) as server:
        assert ensure_database(server, "shop")
        with psycopg.connect(server.url("shop")) as connection:
            setting = connection.execute("show default_transaction_read_only").fetchone()
            assert setting == ("off",)
        with dbapi.connect(server.url("shop")) as bulk, bulk.cursor() as cursor:
            cursor.execute("create table kept as select 7 as n")
            bulk.commit()
    assert not STRANGERS.keys() & os.environ.keys()


@pytest.mark.usefixtures("strangers")
def test_a_command_works_on_the_embedded_database_whatever_libpq_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("DATABASE_URL", "REDIS_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TANDEM_HOME", str(tmp_path / "home"))
    created = CliRunner().invoke(app, ["key", "create", "--name", "app", "--json"])
    assert created.exit_code == 0, created.output


def test_the_api_has_a_canary_and_signing_keys_which_are_made_once_unless_there_are_others(
    home: Home,
) -> None:
    always = {"TANDEM_PREFECT_REST_FILE": str(home.prefect_rest_file)}
    canary = {"TANDEM_CANARY_SECONDS": "60"}
    made = api_environment({"A": "1"}, home)
    keys_file = {"TANDEM_SIGNING_KEYS_FILE": str(home.signing_keys_file)}
    assert made == {"A": "1", **keys_file, **canary, **always}
    keys = home.signing_keys_file.read_bytes()
    assert home.signing_keys_file.stat().st_mode & 0o777 == 0o600
    assert api_environment({"TANDEM_SIGNING_KEYS_FILE": ""}, home).items() <= made.items()
    assert home.signing_keys_file.read_bytes() == keys
    others = {"TANDEM_SIGNING_KEYS_FILE": "/run/others.json", "TANDEM_CANARY_SECONDS": "0"}
    assert api_environment(others, home) == {**others, **always}


@pytest.mark.usefixtures("strangers")
def test_for_a_database_of_ones_own_libpqs_variables_count(home: Home) -> None:
    own = StackSettings.model_validate({"DATABASE_URL": "postgresql://db.example/shop"})
    close_off(own, home)
    assert os.environ["PGSSLMODE"] == STRANGERS["PGSSLMODE"]


@pytest.mark.usefixtures("strangers")
@pytest.mark.parametrize(
    ("database_url", "processes", "kept"),
    [
        ("", {}, False),
        ("postgresql:///embedded", {"postgres": ProcessEntry("running")}, False),
        ("postgresql://db.example/shop", {"api": ProcessEntry("running")}, True),
    ],
)
def test_of_a_running_stack_it_counts_which_database_that_one_works_on(
    home: Home, database_url: str, processes: dict[str, ProcessEntry], *, kept: bool
) -> None:
    elsewhere = None if kept else "postgresql://db.example/other"
    settings = StackSettings.model_validate({"DATABASE_URL": elsewhere})
    with owning(home, UP):
        state = StackState("http://a", PREFECT, database_url, "", processes=processes)
        store_state(home.state_file, state)
        close_off(settings, home)
    assert ("PGSSLMODE" in os.environ) == kept


def test_what_a_command_writes_is_its_owners_alone(home: Home, tmp_path: Path) -> None:
    close_off(StackSettings(), home)
    (tmp_path / "written").touch()
    assert (tmp_path / "written").stat().st_mode & 0o077 == 0
