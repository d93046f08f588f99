"""`tandem filter`: attributes that are filtered often, declared, listed and removed."""

import json
from typing import Any

import pytest
from sqlalchemy import Engine, text
from typer.testing import CliRunner, Result

from sql.locks import FILTERED_ATTRIBUTES, session_lock
from stack.cli import app

pytestmark = pytest.mark.usefixtures("owned")

ODD = "shelf: 'life' 50%s"


def filters(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["filter", *arguments])


def done(*arguments: str) -> str:
    result = filters(*arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def refused(*arguments: str) -> str:
    result = filters(*arguments)
    assert result.exit_code == 1, result.output
    return result.stderr


def listed() -> dict[str, Any]:
    return {each["attribute"]: each["is_indexed"] for each in json.loads(done("list", "--json"))}


def store(engine: Engine, statement: str, **parameters: Any) -> None:
    with engine.begin() as connection:
        connection.execute(text(statement), parameters)


def test_attributes_are_declared_listed_and_removed(engine: Engine) -> None:
    assert "No attribute is declared" in done("list")
    store(
        engine,
        "insert into items (item_id, title, attributes) values ('a', 'A', :attributes)",
        attributes=json.dumps({ODD: [1, "x"]}),
    )
    assert "1 items have it" in done("add", ODD)
    assert "already" in done("add", ODD)
    assert "No item has it: is its name right?" in done("add", "yaer")
    assert listed() == {ODD: True, "yaer": True}
    assert "complete" in done("list")
    done("remove", "yaer")
    assert listed() == {ODD: True}
    with engine.connect() as connection:
        found = connection.execute(
            text("select count(*) from pg_indexes where indexname like 'items_attribute_%'")
        ).scalar_one()
        acts = connection.execute(text("select act from audit_log order by audit_id")).scalars()
        assert list(acts) == [
            "add filtered attribute", "add filtered attribute", "remove filtered attribute",
        ]  # fmt: skip
    assert found == 2


def test_a_build_that_was_interrupted_is_mended_by_the_next(engine: Engine) -> None:
    done("add", "year")
    store(
        engine,
        "update pg_index set indisvalid = false"
        " where indexrelid = to_regclass('items_attribute_1_values')",
    )
    store(engine, "drop index items_attribute_1_numbers")
    assert listed() == {"year": False}
    assert "not finished: add it again" in done("list")
    assert "is indexed now" in done("add", "year")
    assert listed() == {"year": True}


def test_what_cannot_be_is_refused(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, database_url: str
) -> None:
    assert "no value within another" in refused("add", "maker.name")
    assert "1 to 200 characters" in refused("add", "")
    assert "is not declared" in refused("remove", "year")
    session = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
    with session, session_lock(session, FILTERED_ATTRIBUTES):
        assert "Wait for it to end" in refused("add", "year")
    monkeypatch.setenv("DATABASE_OWNER_URL", database_url)
    assert "Only the owner" in refused("add", "year")
    assert listed() == {}
