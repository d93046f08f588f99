"""`tandem placement` and `tandem apply`: what is decided, from files that can be versioned."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text
from typer.testing import CliRunner, Result

from serving.runtime.faults import PlacementConflictError
from stack.cli import app
from stack.cli.apply import CHANGES_PLANNED
from stack.local.ports import free_port
from tests.programs import program
from tests.serving.process import running_api
from tests.waiting import statements_waiting, wait_until

TANDEM = str(Path(sys.executable).with_name("tandem"))
PLACEMENTS = """
placements:
  home:
    diversity: 0.3
    limit: 12
    filter: year >= 1990
    variants:
      - when: {device: [phone]}
        limit: 6
  mail:
    impressions: false
    not_again: 3d
"""


@pytest.fixture(autouse=True)
def folder(owned: None, tmp_path: Path) -> Path:
    """The current folder."""
    return tmp_path


def run(*arguments: str, answer: str | None = None) -> Result:
    return CliRunner().invoke(app, [*arguments], input=answer)


def done(*arguments: str) -> str:
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def refused(*arguments: str) -> str:
    result = run(*arguments)
    assert result.exit_code == 1, result.output
    return result.stderr


def in_force() -> dict[str, Any]:
    return {
        each["name"]: each["version"] for each in json.loads(done("placement", "list", "--json"))
    }


def acts(engine: Engine) -> list[tuple[str, str]]:
    with engine.connect() as connection:
        written = text("select act, subject from audit_log order by audit_id")
        return [(act, subject) for act, subject in connection.execute(written)]


def test_a_file_is_applied_after_its_plan_and_twice_changes_nothing(
    folder: Path, engine: Engine
) -> None:
    file = folder / "placements.yaml"
    file.write_text(PLACEMENTS)
    planned = run("apply", str(file), "--plan")
    assert planned.exit_code == CHANGES_PLANNED
    assert "+ home: new" in planned.stdout
    assert '    filter: - -> "year >= 1990"' in planned.stdout
    assert run("apply", str(file), answer="n\n").exit_code == 1
    assert in_force() == {"default": 0}
    assert run("apply", str(file), answer="y\n").exit_code == 0
    before = acts(engine)
    assert before == [("save placement", "home"), ("save placement", "mail")]
    again = done("apply", str(file), "--yes")
    assert again == "  home: stays as it is\n  mail: stays as it is\n"
    assert done("apply", str(file), "--plan") == again
    assert acts(engine) == before
    file.write_text("placements: {home: {limit: 10}, mail: null, default: {explore: 0}, old: null}")
    applied = json.loads(done("apply", str(file), "--yes", "--json"))
    changes = {each["name"]: each for each in applied}
    assert {name: each["change"] for name, each in changes.items()} == {
        "home": "changed", "mail": "ended", "default": "changed", "old": "same",
    }  # fmt: skip
    assert changes["home"]["differences"]["limit"] == {"before": 12, "after": 10}
    assert in_force() == {"default": 1, "home": 2}


def test_programs_say_whether_to_apply_and_read_only_what_was_done(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = folder / "placements.yaml"
    file.write_text("placements: {home: {limit: 10}}")
    assert "add --yes, or --plan" in refused("apply", str(file), "--json")
    planned = run("apply", str(file), "--plan", "--json")
    assert (planned.exit_code, len(json.loads(planned.stdout))) == (CHANGES_PLANNED, 1)
    assert in_force() == {"default": 0}

    async def conflict(*_: Any) -> None:
        raise PlacementConflictError("Somebody was faster.")

    monkeypatch.setattr("stack.cli.apply._apply", conflict)
    late = run("apply", str(file), "--yes", "--json")
    assert (late.exit_code, late.stdout) == (1, "")


def test_who_saves_between_the_plan_and_the_act_is_not_overwritten(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, other = folder / "placements.yaml", folder / "other.yaml"
    file.write_text("placements: {first: {limit: 1}, home: {limit: 2}, last: {limit: 3}}")
    other.write_text("limit: 50")

    def confirm(_question: str) -> bool:
        done("placement", "save", "home", "--file", str(other))
        return True

    monkeypatch.setattr("stack.cli.apply.typer.confirm", confirm)
    error = refused("apply", str(file))
    assert "Version 1 of 'home' is in force" in error
    assert "Nothing was applied." in error
    assert in_force() == {"default": 0, "home": 1}
    assert json.loads(done("placement", "show", "home", "--json"))["definition"] == {"limit": 50}


def test_who_is_killed_while_a_file_is_applied_has_applied_all_of_it_or_nothing(
    folder: Path, engine: Engine
) -> None:
    file = folder / "placements.yaml"
    file.write_text("placements: {first: {limit: 1}, home: {limit: 2}, last: {limit: 3}}")
    done("placement", "save", "last", "--file", str(_of_limit(folder, 9)))
    command = [TANDEM, "apply", str(file), "--yes"]
    with engine.connect() as connection, connection.begin() as holding:
        connection.execute(text("select from placements where name = 'last' for update"))
        with program(command, stdout=subprocess.DEVNULL):
            wait_until(lambda: statements_waiting(engine, "apply_placements") == 1, seconds=120)
        holding.commit()
    wait_until(lambda: not _is_at_it(engine))
    assert in_force() in (
        {"default": 0, "last": 1},
        {"default": 0, "first": 1, "home": 1, "last": 2},
    )


def _of_limit(folder: Path, limit: int) -> Path:
    file = folder / "limit.yaml"
    file.write_text(f"limit: {limit}")
    return file


def _is_at_it(engine: Engine) -> bool:
    asked = text(
        "select exists (select from pg_stat_activity where datname = current_database()"
        " and state <> 'idle' and pid <> pg_backend_pid() and strpos(query, :name) > 0)"
    )
    with engine.connect() as connection:
        return bool(connection.execute(asked, {"name": "apply_placements"}).scalar_one())


def test_a_placement_is_saved_shown_rolled_back_and_ended(folder: Path) -> None:
    file = folder / "home.yaml"
    file.write_text("limit: 6\nweights: {batch: 1}\n")
    assert "Version 1 of home" in done("placement", "save", "home", "--file", str(file))
    shown = done("placement", "show", "home")
    assert shown.startswith("# home, version 1, saved by command line, ")
    file.write_text(shown.replace("limit: 6", "limit: 7"))
    done("placement", "save", "home", "--file", str(file), "--note", "one more")
    late = ("placement", "save", "home", "--file", str(file), "--base-version", "5")
    assert "Version 2 of 'home' is in force" in refused(*late)
    assert "Version 3 of home" in done("placement", "rollback", "home", "1")
    versions = json.loads(done("placement", "versions", "home", "--json"))
    assert [(each["version"], each["note"]) for each in versions] == [
        (3, "as version 1"), (2, "one more"), (1, ""),
    ]  # fmt: skip
    assert versions[0]["definition"] == versions[2]["definition"] == {
        "limit": 6, "weights": {"batch": 1.0},
    }  # fmt: skip
    assert "limit, weights" in done("placement", "versions", "home")
    done("placement", "delete", "home")
    assert "There is no placement 'home'" in refused("placement", "delete", "home")
    assert "Version 4 of home" in done("placement", "rollback", "home", "2")
    assert "home" in done("placement", "list")


def test_a_preview_asks_the_api_that_runs(
    folder: Path, engine: Engine, database_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = folder / "home.yaml"
    file.write_text("fallback: latest\nlimit: 2\n")
    with engine.begin() as connection:
        films = text("insert into items (item_id, title) values ('a', 'A'), ('b', 'B'), ('c', 'C')")
        connection.execute(films)
    asked = ("placement", "preview", "home", "--file", str(file), "--user", "ann")
    monkeypatch.setenv("TANDEM_API_PORT", str(free_port()))
    assert "The API does not answer" in refused(*asked)
    with running_api(database_url, redis_url, folder / "api.log") as api:
        monkeypatch.setenv("TANDEM_API_PORT", str(api.port))
        shown = done(*asked)
        assert shown.startswith("ann: 3 items now, 2 then\n")
        assert "(limit)" in shown
        found = json.loads(done(*asked, "--json"))
    assert [len(found["lists"][0][name]) for name in ("current", "draft")] == [3, 2]


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("placements: {home: {limit: 0}}", "home/limit: Input should be greater than or equal"),
        ("placements: {home: {odd: 1}}", "home/odd: Extra inputs are not permitted."),
        (
            "placements: {home: {limit: 1, limit: 2}}",
            "'limit' stands twice in what begins in line 1",
        ),
        ("home: {limit: 1}", "is to have one name, placements"),
        ("placements: [home]", "is to have one name, placements"),
        ("placements: {Home: {limit: 1}}", "A name has small letters"),
        ("placements: {everywhere: {limit: 1}}", "everywhere holds rules alone"),
        ("placements: {", "is no YAML"),
        ("placements: {home: {diversity: !!python/name:os.system }}", "is no YAML"),
    ],
)
def test_a_file_that_cannot_be_is_refused_with_what_is_wrong(
    folder: Path, written: str, reason: str
) -> None:
    file = folder / "placements.yaml"
    file.write_text(written)
    assert reason in refused("apply", str(file), "--yes")
    assert in_force() == {"default": 0}
    assert "cannot be read" in refused("apply", str(folder / "nowhere.yaml"))
