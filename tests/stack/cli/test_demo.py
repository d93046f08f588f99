"""`tandem demo` opens the console of the stack that runs."""

import os
import webbrowser
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine
from typer.testing import CliRunner

from stack.accounts import create_account
from stack.cli import app
from stack.local.home import UP, Home, owning
from stack.local.supervision.state import StackState, entry_of, store_state


@pytest.fixture
def opened(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses that a browser was asked for; there is a home folder."""
    monkeypatch.setenv("TANDEM_HOME", str(tmp_path))
    addresses: list[str] = []
    monkeypatch.setattr(webbrowser, "open", lambda address: not addresses.append(address))
    running = {"api": replace(entry_of(os.getpid()), state="running")}
    state = StackState("http://a", "http://p", database_url, "", migrated=True, processes=running)
    store_state(Home(tmp_path).state_file, state)
    return addresses


def test_without_a_stack_it_says_how_to_start_one(opened: list[str]) -> None:
    result = CliRunner().invoke(app, ["demo"])
    assert result.exit_code == 1
    assert "tandem up" in result.output
    assert opened == []


def test_it_opens_a_users_lists(opened: list[str], engine: Engine, tmp_path: Path) -> None:
    with owning(Home(tmp_path), UP):
        first = CliRunner().invoke(app, ["demo"])
        assert "Register the first admin" in first.stdout
        with engine.begin() as connection:
            create_account(connection, "ann", "admin", "a long password of hers")
        CliRunner().invoke(app, ["demo"])
        CliRunner().invoke(app, ["demo", "--user", "a b"])
        silent = CliRunner().invoke(app, ["demo", "--no-browser"])
    assert opened[0] in first.stdout
    assert opened[0].startswith("http://a/")
    assert opened[1:] == ["http://a/", "http://a/?user=a+b"]
    assert silent.stdout == "http://a/\n"
