"""`tandem rollback`, against a real database and without anything that runs."""

from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from typer.testing import CliRunner, Result

from stack.cli import app
from tests.small_run import publish_small_run


@pytest.fixture
def runs(
    engine: Engine,
    database_url: str,
    film_nos: list[int],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> list[int]:
    """Two published runs, the second served."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TANDEM_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DATABASE_URL", database_url)
    made = []
    for _ in range(2):
        with engine.begin() as connection:
            made.append(int(publish_small_run(connection, film_nos)))
    return made


def rollback(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["rollback", *arguments])


def served(engine: Engine) -> int:
    with engine.connect() as connection:
        return int(connection.execute(text("select run_id from live_run")).scalar_one())


def test_an_earlier_run_is_served_by_one_command(engine: Engine, runs: list[int]) -> None:
    first, second = runs
    result = rollback(str(first))
    assert result.exit_code == 0, result.output
    assert f"Run {first} is served now" in result.stdout
    assert served(engine) == first
    with engine.connect() as connection:
        query = text("select promoted_by from analytics.promotions")
        assert connection.execute(query).scalar_one().startswith("tandem rollback, ")
        entry = connection.execute(text("select act, subject, details from audit_log")).one()
        assert entry == ("serve run", f"run {first}", {"how": "rolled back"})
    assert rollback(str(second)).exit_code == 0
    assert served(engine) == second


def test_what_cannot_be_served_is_one_line_that_names_what_can(
    engine: Engine, runs: list[int]
) -> None:
    first, second = runs
    for run, reason in (
        ("999", "There is no run 999."),
        (str(second), f"Run {second} is being served already; nothing has changed."),
    ):
        result = rollback(run)
        assert result.exit_code == 1
        expected = f"tandem: {reason} Runs that can be rolled back to: {first}."
        assert result.stderr.strip() == expected
    assert served(engine) == second


@pytest.mark.parametrize("run", ["0", "-1", "live", "99999999999"])
def test_what_is_no_run_number_is_wrong_use(runs: list[int], run: str) -> None:
    assert rollback("--", run).exit_code == 2
