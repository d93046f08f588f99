"""A load is taken back whole: its events, what it made of the catalogue, and nothing else."""

from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from domain.errors import InvalidInputError
from loading.options import LoadOptions
from loading.store import connected
from sql.loads import Undone, list_loads, undo_load
from tests.loading.written_files import load_path, stored_events, stored_items
from tests.waiting import wait_until

pytestmark = pytest.mark.usefixtures("own_folder")

TIME = 1_600_000_000


def events_file(folder: Path, name: str, *rows: str) -> Path:
    path = folder / f"{name}.csv"
    path.write_text("\n".join(["user_id,item_id,time", *rows]) + "\n")
    return path


def undone(engine: Engine, load_no: int) -> Undone:
    with engine.begin() as connection:
        return undo_load(connection, load_no)


def test_events_of_a_load_go_and_those_of_others_stay(
    database_url: str, engine: Engine, tmp_path: Path
) -> None:
    first = events_file(tmp_path, "first", f"ann,1,{TIME}", f"bob,2,{TIME}")
    second = events_file(tmp_path, "second", f"ann,1,{TIME}", f"ann,2,{TIME + 1}", f"cid,2,{TIME}")
    load_path(first, database_url, create_items=True)
    before = stored_events(engine)
    load_no = load_path(second, database_url).load_no
    assert len(stored_events(engine)) == 4
    assert undone(engine, load_no) == Undone(2, 2, 1, 0, 0, 0, is_new=True)
    assert stored_events(engine) == before
    assert undone(engine, load_no) == Undone(0, 0, 0, 0, 0, 0, is_new=False)


def test_what_another_load_used_goes_once_that_one_is_taken_back_too(
    database_url: str, engine: Engine, tmp_path: Path
) -> None:
    first = events_file(tmp_path, "first", f"ann,1,{TIME}", f"bob,2,{TIME}")
    second = events_file(tmp_path, "second", f"ann,1,{TIME + 1}")
    first_no = load_path(first, database_url, create_items=True).load_no
    second_no = load_path(second, database_url).load_no
    assert undone(engine, first_no) == Undone(2, 2, 1, 1, 1, 0, is_new=True)
    assert undone(engine, second_no) == Undone(1, 1, 0, 0, 0, 0, is_new=True)
    assert stored_items(engine) != []
    with engine.begin() as connection:
        last = connection.execute(text("select last_value from interaction_positions")).scalar_one()
    assert undone(engine, first_no) == Undone(0, 0, 1, 1, 0, 0, is_new=False)
    assert stored_items(engine) == []
    gone = text("select count(*) from forgotten_users where position > :last")
    with engine.connect() as connection:
        assert connection.execute(text("select count(*) from users")).scalar_one() == 0
        assert connection.execute(gone, {"last": last}).scalar_one() == 1
    assert undone(engine, first_no) == Undone(0, 0, 0, 0, 0, 0, is_new=False)


def test_what_was_taken_back_can_be_loaded_again(
    database_url: str, engine: Engine, tmp_path: Path
) -> None:
    path = events_file(tmp_path, "events", f"ann,1,{TIME}", f"bob,2,{TIME}")
    first = load_path(path, database_url, create_items=True)
    undone(engine, first.load_no)
    assert (stored_events(engine), stored_items(engine)) == ([], [])
    again = load_path(path, database_url, create_items=True)
    assert (again.events_stored, again.events_repeated, again.items_new) == (2, 0, 2)
    assert again.load_no != first.load_no


def test_whoever_had_events_of_it_is_computed_anew(
    database_url: str, engine: Engine, tmp_path: Path
) -> None:
    first = events_file(tmp_path, "first", f"ann,1,{TIME}", f"bob,1,{TIME}")
    load_path(first, database_url, create_items=True)
    second = events_file(tmp_path, "second", f"ann,2,{TIME}", f"bob,2,{TIME}", f"cid,2,{TIME}")
    load_no = load_path(second, database_url, create_items=True).load_no
    changed = text(
        "select user_id from user_changes join users using (user_no)"
        " where position > :last order by 1"
    )
    gone = text("select count(*) from forgotten_users where position > :last")
    with engine.begin() as connection:
        last = connection.execute(text("select last_value from interaction_positions")).scalar_one()
    undone(engine, load_no)
    with engine.connect() as connection:
        assert connection.execute(changed, {"last": last}).scalars().all() == ["ann", "bob"]
        assert connection.execute(gone, {"last": last}).scalar_one() == 1


def test_users_it_made_go_unless_anything_else_is_known_of_them(
    database_url: str, engine: Engine, tmp_path: Path
) -> None:
    users = ("used", "described", "interested", "unused")
    first = events_file(tmp_path, "first", *(f"{user},1,{TIME}" for user in users))
    load_no = load_path(first, database_url, create_items=True).load_no
    load_path(events_file(tmp_path, "second", f"used,1,{TIME + 1}"), database_url)
    with engine.begin() as connection:
        connection.execute(
            text("update users set attributes = '{\"a\": 1}' where user_id = 'described'")
        )
        connection.execute(
            text(
                "insert into user_interests (user_no, words, item_nos, position)"
                " select user_no, '{duels}', '{}', nextval('interaction_positions')"
                " from users where user_id = 'interested'"
            )
        )
    assert undone(engine, load_no) == Undone(4, 4, 1, 0, 1, 0, is_new=True)
    with engine.connect() as connection:
        left = connection.execute(text("select user_id from users order by 1")).scalars().all()
    assert left == sorted(users[:3])
    load_path(first, database_url)
    with engine.connect() as connection:
        assert connection.execute(text("select count(*) from users")).scalar_one() == 4


def test_items_that_somebody_used_or_changed_since_stay(
    database_url: str, engine: Engine, tmp_path: Path
) -> None:
    items = tmp_path / "items.csv"
    items.write_text("item_id,title\nused,A\nchanged,B\nuntouched,C\n")
    load_no = load_path(items, database_url).load_no
    load_path(events_file(tmp_path, "events", f"ann,used,{TIME}"), database_url)
    with engine.begin() as connection:
        connection.execute(
            text("update items set title = 'new', updated_at = now() where item_id = 'changed'")
        )
    assert undone(engine, load_no) == Undone(0, 0, 0, 1, 2, 0, is_new=True)
    assert [item[:2] for item in stored_items(engine)] == [("changed", "new"), ("used", "A")]


def test_items_are_again_what_they_were_unless_changed_since(
    database_url: str, engine: Engine, tmp_path: Path
) -> None:
    items = tmp_path / "items.csv"
    items.write_text("item_id,title,categories\n1,A,x\n2,B,y\n3,C,z\n")
    load_path(items, database_url)
    before = stored_items(engine)
    changed = tmp_path / "changed.csv"
    changed.write_text("item_id,title,categories\n1,AA,xx\n2,BB,yy\n3,C,z\n4,D,\n")
    second = load_path(changed, database_url).load_no
    changed.write_text("item_id,title\n2,BBB\n")
    third = load_path(changed, database_url).load_no
    assert undone(engine, second) == Undone(0, 0, 0, 1, 0, 1, is_new=True)
    assert [item[1] for item in stored_items(engine)] == ["A", "BBB", "C"]
    # The newest first: each finds what it left.
    undone(engine, third)
    assert [item[1] for item in stored_items(engine)] == ["A", "BB", "C"]
    assert stored_items(engine)[0] == before[0]


def test_a_load_that_runs_is_not_taken_back(
    database_url: str, engine: Engine, tmp_path: Path
) -> None:
    with connected(database_url) as store:
        load_no, resumed = store.begin_load("somebody", "a file", {})
        assert not resumed
        with engine.connect() as connection:
            assert [load.state for load in list_loads(connection, 5)] == ["running"]
        with pytest.raises(InvalidInputError, match="is running"):
            undone(engine, load_no)

    def states() -> list[str]:
        with engine.connect() as connection:
            return [load.state for load in list_loads(connection, 5)]

    # PostgreSQL notices that a client has left a moment after it left.
    wait_until(lambda: states() == ["interrupted"])
    assert undone(engine, load_no).is_new
    with pytest.raises(InvalidInputError, match="There is no load 77"):
        undone(engine, 77)


def test_a_load_tells_who_what_and_how(database_url: str, engine: Engine, tmp_path: Path) -> None:
    path = tmp_path / "ratings.csv"
    path.write_text(f"user,item,stars,ts\nann,1,5,{TIME}\nbob,1,1,{TIME}\n,1,1,{TIME}\n")
    load_path(path, database_url, create_items=True)
    with engine.connect() as connection:
        (load,) = list_loads(connection, 5)
    assert (load.state, load.source) == ("complete", str(path))
    (file,) = load.mapping["files"]
    assert file["scale"] == "1:5"
    assert file["columns"] == {"user_id": "user", "item_id": "item", "value": "stars", "time": "ts"}
    assert load.counts["events_stored"] == 2
    assert load.counts["rejected"] == {"user_id is missing": 1}


def test_options_of_a_load_are_checked(database_url: str) -> None:
    with pytest.raises(InvalidInputError, match="no time zone"):
        load_path(Path(__file__), database_url, time_zone="Mars/Olympus")
    assert LoadOptions().time_zone == "UTC"
