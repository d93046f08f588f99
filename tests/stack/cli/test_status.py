"""`tandem status`: which run is served, told without waiting for the libraries of a night."""

import os
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from typer.testing import CliRunner

from stack.cli import app
from stack.local.home import UP, Home, owning
from stack.local.supervision.state import StackState, entry_of, store_state
from stack.runs import find_live_run
from stack.served_run import Lookup, look_up_served_run
from stack.settings import StackSettings
from tests.programs import printed_by
from tests.small_run import publish_small_run


def test_the_served_run_is_reported_as_the_list_of_runs_tells_it(
    engine: Engine, database_url: str, film_nos: list[int]
) -> None:
    assert look_up_served_run(database_url) == Lookup(answers=True)
    with engine.begin() as connection:
        publish_small_run(connection, film_nos)
        # Any session's own time zone, which must not show.
        connection.execute(text("alter role current_user set timezone to 'Asia/Tokyo'"))
    try:
        with engine.connect() as connection:
            known = find_live_run(connection)
        assert known is not None
        assert look_up_served_run(database_url) == Lookup(True, dict(known))
    finally:
        with engine.begin() as connection:
            connection.execute(text("alter role current_user reset timezone"))


def status_with(database_url: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """What `tandem status` writes while a stack with this database runs."""
    home = Home(folder)
    monkeypatch.setenv("TANDEM_HOME", str(home.directory))
    with owning(home, UP):
        running = {"api": replace(entry_of(os.getpid()), state="running")}
        state = StackState(
            "http://a", "http://p", database_url, "", migrated=True, processes=running
        )
        store_state(home.state_file, state)
        return CliRunner().invoke(app, ["status"]).stdout


def test_while_the_database_is_away_nothing_is_said_of_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = "postgresql://nobody@127.0.0.1:1/nothing"
    assert look_up_served_run(away) == Lookup(answers=False)
    output = status_with(away, tmp_path / "home", monkeypatch)
    assert "serving      unknown: the database does not answer" in output
    assert "no run is published" not in output


def test_a_database_that_answers_with_an_error_is_reported_so(
    database_url: str, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with engine.begin() as connection:
        connection.execute(text("alter schema analytics rename to another"))
    lookup = look_up_served_run(database_url)
    assert (lookup.answers, lookup.run) == (True, None)
    assert 'relation "analytics.model_runs" does not exist' in str(lookup.fault)
    output = status_with(database_url, tmp_path / "home", monkeypatch)
    assert 'serving      unknown: relation "analytics.model_runs" does not exist' in output
    assert "no run is published" not in output
    misspelt = look_up_served_run("postgresql://127.0.0.1:1/nothing?nonsense=1")
    assert misspelt.answers is None
    assert "nonsense" in str(misspelt.fault)


def test_an_address_for_sqlalchemy_is_understood(database_url: str) -> None:
    named = StackSettings.model_validate(
        {"DATABASE_URL": database_url.replace("postgresql://", "postgresql+psycopg://")}
    )
    assert named.external_database_url == database_url


def test_status_loads_neither_sqlalchemy_nor_anything_that_needs_it() -> None:
    needless = ["sqlalchemy", "numpy", "fastapi", "alembic", "redis"]
    ask = (
        "import sys, stack.cli, stack.settings, stack.cli.status, stack.served_run;"
        f" print(sorted(set({needless}) & set(sys.modules)))"
    )
    assert printed_by(ask).strip() == "[]"
