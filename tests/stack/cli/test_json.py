"""With `--json` every command that prints data writes one line of JSON, and nothing else."""

import json
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import typer
from sqlalchemy import Engine
from typer.testing import CliRunner

from stack.cli import app
from stack.cli.lazy import LazyCommand
from tests.programs import printed_by
from tests.small_run import publish_small_run
from tests.stack.cli.test_experiments import DEFINITION
from tests.stack.cli.test_placements import PLACEMENTS

NO_DATA = {
    "up": "runs until it is stopped",
    "down": "says that all has ended",
    "psql": "hands the terminal on",
    "bench": "has commands of its own",
    "completion": "writes a script",
    "export": "writes files, JSON lines among them",
}
ELSEWHERE = {
    "demo": "below, as it needs a stack",
    "tune": "below, as it needs Prefect",
    "housekeeping": "below",
    "nightly": "tests/end_to_end",
    "replay": "tests/end_to_end",
    "placement preview": "test_placements.py, as it needs an API",
    "repair index": "tests/serving/test_damaged_index.py, as it needs an index",
}
STORY = """
load --no-times items.csv events.csv
load --preview --no-times events.csv
loads
load --undo 1
kind list
kind set share --weight 2
filter add year
filter list
filter remove year
key create --name app
key list
key revoke app
account create ann@example.org --link
account list
account reset ann@example.org
account disable ann@example.org
token rotate
audit
runs
runs show live
rollback {first_run}
status
diagnose
placement save home --file home.yaml
placement list
placement show home
placement versions home
placement rollback home 1
placement delete home
apply --yes placements.yaml
experiment create trial trial.yaml
experiment list
experiment start trial
experiment show trial
experiment stop trial
experiment create other trial.yaml
experiment start other
experiment adopt other now
empty --confirm empty
"""
"""Each with --json, one after the other."""

DIAGNOSED = "diagnose"
"""Ends with 1, as nothing runs."""


def leaves(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """All commands by what is typed, loaded."""
    for name, command in group.commands.items():
        loaded = command.loaded() if isinstance(command, LazyCommand) else command
        if hasattr(loaded, "commands"):
            if loaded.invoke_without_command:
                yield " ".join((*path, name)), loaded
            yield from leaves(loaded, (*path, name))
        else:
            yield " ".join((*path, name)), loaded


ALL = dict(leaves(typer.main.get_command(app)))
LINES = [line for line in STORY.split("\n") if line]


def json_of(*arguments: str) -> Any:
    """What the command writes; more lines than one, or none, fail."""
    result = CliRunner().invoke(app, [*arguments, "--json"])
    expected = 1 if arguments[0] == DIAGNOSED else 0
    assert result.exit_code == expected, (arguments, result.output)
    (line,) = result.stdout.splitlines()
    found = json.loads(line)
    assert isinstance(found, dict | list), arguments
    return found


def test_every_command_that_prints_data_has_the_option() -> None:
    takes = {
        name
        for name, command in ALL.items()
        if any("--json" in each.opts for each in command.params)
    }
    assert takes == set(ALL) - set(NO_DATA)


def test_every_command_with_the_option_is_run_with_it() -> None:
    run = {name for name in ALL if any(line.startswith(name) for line in LINES)}
    assert run | set(NO_DATA) | set(ELSEWHERE) == set(ALL)


def test_each_writes_one_line_of_json(
    owned: None, engine: Engine, film_nos: list[int], tmp_path: Path
) -> None:
    runs = []
    for _ in range(2):
        with engine.begin() as connection:
            runs.append(int(publish_small_run(connection, film_nos)))
    Path("items.csv").write_text("item_id,title\nnew-1,One\n")
    Path("events.csv").write_text("user_id,item_id,kind\nann,new-1,view\n")
    Path("home.yaml").write_text("limit: 12\n")
    Path("placements.yaml").write_text(PLACEMENTS)
    Path("trial.yaml").write_text(DEFINITION)
    answers = {line: json_of(*line.format(first_run=runs[0]).split()) for line in LINES}
    assert answers["rollback {first_run}"]["run_id"] == runs[0]
    assert answers["filter add year"] == {"attribute": "year", "built": True, "items": 0}
    assert answers["key revoke app"]["was_in_force"] is True
    assert answers["placement delete home"] == {"name": "home", "ended": True}
    assert answers["experiment stop trial"]["state"] == "stopped"
    assert answers["empty --confirm empty"]["items"] == len(film_nos)


def test_what_flows_end_in_is_written_and_their_steps_are_not(
    owned: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    endings = {
        "housekeeping": {"report": "Deleted 3.", "deleted": {"runs": 3}},
        "tune": {"verdict": "Nothing is better.", "better": False},
    }
    for name, ending in endings.items():
        lines = [{"step": "looking", "seconds": 1.0}, {"failed_step": "x", "seconds": 1.0}, ending]

        async def run(*given: Any, lines: list[Any] = lines) -> int:
            for line in lines:
                given[3](json.dumps(line))
            return 0

        monkeypatch.setattr(f"stack.cli.{name}.run_python", run)
        monkeypatch.setattr(f"stack.cli.{name}.flow_environment", lambda *_: nullcontext({}))
    assert json_of("housekeeping") == {"runs": 3}
    assert json_of("tune") == endings["tune"]


def test_where_nobody_is_asked_the_word_must_be_given(owned: None) -> None:
    result = CliRunner().invoke(app, ["empty", "--json"])
    assert (result.exit_code, result.stdout) == (1, "")
    assert "--confirm empty" in result.stderr


def test_help_of_no_command_waits_for_the_libraries_of_its_work() -> None:
    heavy = ["sqlalchemy", "alembic", "numpy", "pydantic", "psycopg", "duckdb", "implicit", "redis"]
    ask = f"""
import sys
from typer.testing import CliRunner
from stack.cli import app
for name in {list(ALL)!r}:
    result = CliRunner().invoke(app, [*name.split(), "--help"])
    assert "Usage:" in result.stdout, (name, result.output)
    found = sorted(set({heavy!r}) & set(sys.modules))
    assert not found, (name, found)
"""
    printed_by(ask)
