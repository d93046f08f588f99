"""`tandem load`, `loads` and `empty`: what a person reads, and what a program reads."""

import json
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from typer.testing import CliRunner, Result

from stack.cli import app

RATINGS = "user,item,stars,ts,note\nann,1,5,1600000000,x\nbob,1,1,1600000000,y\n,2,3,1600000000,z\n"


@pytest.fixture(autouse=True)
def store(owned: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")


def tandem(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def count(engine: Engine, table: str) -> int:
    with engine.connect() as connection:
        return int(connection.execute(text(f"select count(*) from {table}")).scalar_one())


def test_a_load_says_what_it_understood_and_did_not_read(tmp_path: Path, engine: Engine) -> None:
    (tmp_path / "ratings.csv").write_text(RATINGS)
    loaded = tandem("load", "ratings.csv")
    assert loaded.exit_code == 0, loaded.output
    for words in (
        "ratings from 1 to 5: above 3 a liking",
        "not read: note",
        "rejected 1: user_id is missing",
        "ratings.rejects.jsonl",
        "tandem load --undo 1",
    ):
        assert words in loaded.output
    assert count(engine, "interactions") == 2


def test_a_preview_stores_nothing_and_says_what_would_be(tmp_path: Path, engine: Engine) -> None:
    (tmp_path / "ratings.csv").write_text(RATINGS)
    shown = tandem("load", "--preview", "ratings.csv")
    assert shown.exit_code == 0, shown.output
    for words in (
        "events: 2 rate",
        "1 dislike",
        "1 liking",
        "rejected 1: user_id is missing",
        "the first row is stored as user_id ann, item_id 1, kind rate, value 5",
        "Nothing was stored.",
    ):
        assert words in shown.output
    fields = json.loads(tandem("load", "--preview", "--json", "ratings.csv").stdout)
    (file,) = fields["files"]
    assert (file["rows"], file["unread"], file["events"]["users"]) == (3, ["note"], 2)
    assert count(engine, "interactions") == count(engine, "loads") == 0


def test_a_preview_says_what_the_store_has_already(tmp_path: Path) -> None:
    (tmp_path / "first.csv").write_text("user,item,ts\nann,1,1600000000\n")
    (tmp_path / "more.csv").write_text("user,item,ts\nann,1,1600000000\nbob,2,1600000000\n")
    (tmp_path / "items.csv").write_text("sku,title\n1,One\n3,Three\n")
    tandem("load", "first.csv")
    events = tandem("load", "--preview", "more.csv").output
    assert "there already: 1 of the users, 1 of the items, 1 of the events" in events
    items = tandem("load", "--preview", "items.csv").output
    assert "items: 2 items, 1 are there and change" in items


def test_what_joins_ids_and_who_is_nobody_can_be_said(tmp_path: Path, engine: Engine) -> None:
    rows = "ann,1|2,1600000000\ntill 1,3,1600000000\nguest,3,1600000000\n"
    (tmp_path / "events.csv").write_text(f"user,item,ts\n{rows}")
    assert "--split '|' or --split -" in tandem("load", "events.csv").output
    loaded = tandem("load", "events.csv", "--split", "|", "--guests", "till 1", "--json")
    assert json.loads(loaded.stdout)["rejected"] == {"user_id stands for nobody": 1}
    assert count(engine, "interactions") == 3


def test_what_is_ambiguous_is_refused_with_the_options_where_nobody_can_be_asked(
    tmp_path: Path, engine: Engine
) -> None:
    (tmp_path / "events.csv").write_text("user,item,date\nann,1,3/4/2020\n")
    refused = tandem("load", "events.csv")
    assert refused.exit_code == 1
    assert "--day-first or --month-first" in refused.output
    assert count(engine, "loads") == 0


def test_loads_are_listed_and_taken_back(tmp_path: Path, engine: Engine) -> None:
    (tmp_path / "ratings.csv").write_text(RATINGS)
    report = json.loads(tandem("load", "--json", "ratings.csv").stdout)
    assert (report["load_no"], report["events_stored"]) == (1, 2)
    (load,) = json.loads(tandem("loads", "--json").stdout)
    assert (load["load_no"], load["state"], load["counts"]["events_stored"]) == (1, "complete", 2)
    undone = tandem("load", "--undo", "1")
    assert "2 events of 2 users, users removed: 2, items removed: 1" in undone.output
    assert "was taken back before" in tandem("load", "--undo", "1").output
    assert "undone" in tandem("loads").output
    assert tandem("load", "--undo", "9").exit_code == 1
    assert count(engine, "interactions") == count(engine, "items") == 0


def test_empty_takes_everything_away_after_the_word(tmp_path: Path, engine: Engine) -> None:
    (tmp_path / "ratings.csv").write_text(RATINGS)
    tandem("load", "ratings.csv")
    refused = tandem("empty", "--confirm", "yes")
    assert (refused.exit_code, count(engine, "interactions")) == (1, 2)
    assert "2 events, 2 users, 1 items and 0 runs" in refused.output
    emptied = tandem("empty", "--confirm", "empty")
    assert emptied.exit_code == 0, emptied.output
    tables = ("interactions", "event_receipts", "users", "items", "loads")
    assert [count(engine, table) for table in tables] == [0, 0, 0, 0, 0]
    assert count(engine, "event_kinds") == 8
    assert "events_stored" in tandem("load", "--json", "ratings.csv").stdout
