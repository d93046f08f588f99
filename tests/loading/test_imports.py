"""What is new in a folder or a database comes in once, whatever happens in between."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine, text

from domain.errors import ImportInProgressError, InvalidInputError
from loading.addresses import refuse_password
from loading.high_water_marks import IncrementalQuery
from loading.import_requests import DatabaseSource, FolderSource, Imported, ImportRequest
from loading.imports import import_new
from loading.options import LoadOptions
from sql.imports import ImportHistory, import_lock
from sql.loads import undo_load
from stack.local.servers.postgres import PostgresServer
from tests.conftest import cloned_database

HEADING = "user_id,item_id,occurred_at,event_id\n"
FROM_MARK = "select * from visits where updated_at >= {since}"

Bring = Callable[..., Imported]


@pytest.fixture
def bring(app_engine: Engine, database_url: str) -> Bring:
    """Runs an import of a source."""

    def run(source: Any, **fields: Any) -> Imported:
        options = LoadOptions(**{"create_items": True, **fields.pop("options", {})})
        fields = {"shown_source": "the source", "imported_by": "a test", **fields}
        request = ImportRequest("shop", source, options=options, **fields)
        return import_new(request, ImportHistory(app_engine.begin), database_url)

    return run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder in which files arrive."""
    made = tmp_path / "exports"
    made.mkdir()
    return made


@pytest.fixture
def warehouse(postgres: PostgresServer) -> Iterator[str]:
    """Another database, of a shop with visits."""
    with cloned_database(postgres, "template0") as name:
        url = postgres.url(name)
        ask(
            url,
            "create table visits (user_id text, item_id text, occurred_at timestamptz,"
            " updated_at timestamptz)",
        )
        yield url


def ask(url: str, statement: str, *values: Any) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement, values or None)


def add_visits(url: str, *visits: tuple[str, str, int]) -> None:
    """Visits of a user to an item, updated at a minute."""
    for user, item, minute in visits:
        at = f"2026-01-01 00:{minute:02}:00+00"
        ask(url, "insert into visits values (%s, %s, %s, %s)", user, item, at, at)


def write(path: Path, *rows: str, heading: str = HEADING) -> None:
    path.write_text(heading + "".join(f"{row}\n" for row in rows))


def row(number: int) -> str:
    return f"user-{number},item-1,2026-01-01T00:00:{number:02}Z,event-{number}"


def events(engine: Engine) -> int:
    with engine.connect() as connection:
        return int(connection.execute(text("select count(*) from interactions")).scalar_one())


def stored(imported: Imported) -> tuple[int, int]:
    assert imported.report is not None
    return imported.report.events_stored, imported.report.events_repeated


def from_warehouse(url: str, query: str = FROM_MARK) -> DatabaseSource:
    return DatabaseSource(IncrementalQuery(query, "updated_at"), url)


def test_only_new_and_changed_files_are_read(bring: Bring, engine: Engine, folder: Path) -> None:
    write(folder / "events-1.csv", row(1), row(2))
    first = bring(FolderSource(folder))
    assert stored(first) == (2, 0)
    assert bring(FolderSource(folder)).report is None
    write(folder / "events-2.csv", row(3))
    second = bring(FolderSource(folder))
    assert (second.files, second.files_unchanged, stored(second)) == (("events-2.csv",), 1, (1, 0))
    write(folder / "events-1.csv", row(1), row(2), row(4))
    third = bring(FolderSource(folder))
    assert (third.files, stored(third)) == (("events-1.csv",), (1, 2))
    assert events(engine) == 4


def test_files_in_folders_of_the_folder_are_read_once_each(
    bring: Bring, engine: Engine, folder: Path
) -> None:
    for number, day in enumerate(("day=1", "day=2")):
        (folder / day).mkdir()
        write(folder / day / "part-0.csv", row(number))
    first = bring(FolderSource(folder))
    assert (first.files, stored(first)) == (("day=1/part-0.csv", "day=2/part-0.csv"), (2, 0))
    assert bring(FolderSource(folder)).report is None
    (folder / "day=3").mkdir()
    write(folder / "day=3" / "part-0.csv", row(7))
    assert bring(FolderSource(folder)).files == ("day=3/part-0.csv",)
    assert events(engine) == 3


def test_a_file_that_is_only_touched_is_not_read_again_and_one_of_the_same_size_is(
    bring: Bring, folder: Path
) -> None:
    write(folder / "events.csv", row(1))
    bring(FolderSource(folder))
    os.utime(folder / "events.csv", (1, 1))
    assert bring(FolderSource(folder)).report is None
    write(folder / "events.csv", row(2))
    os.utime(folder / "events.csv", (2, 2))
    assert stored(bring(FolderSource(folder))) == (1, 0)


def test_files_of_a_load_that_was_taken_back_are_read_again(
    bring: Bring, engine: Engine, folder: Path
) -> None:
    write(folder / "events.csv", row(1))
    first = bring(FolderSource(folder))
    assert first.report is not None
    with engine.begin() as connection:
        undo_load(connection, first.report.load_no)
    assert stored(bring(FolderSource(folder))) == (1, 0)
    assert bring(FolderSource(folder)).report is None


def test_a_file_that_is_no_data_is_named_and_is_not_tried_again(bring: Bring, folder: Path) -> None:
    write(folder / "events.csv", row(1))
    (folder / "notes.pdf").write_bytes(b"%PDF-1.7 notes")
    first = bring(FolderSource(folder))
    assert ["notes.pdf" in notice for notice in first.notices] == [True]
    assert bring(FolderSource(folder)).report is None
    (folder / "more.pdf").write_bytes(b"%PDF-1.7 more")
    nothing = bring(FolderSource(folder))
    assert nothing.report is None
    assert "more.pdf" in nothing.notices[0]


def test_a_missing_folder_is_refused(bring: Bring, tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="on the machine where flows run"):
        bring(FolderSource(tmp_path / "nowhere"))


def test_a_query_goes_on_from_the_mark_and_rows_at_the_mark_come_once(
    bring: Bring, engine: Engine, warehouse: str
) -> None:
    add_visits(warehouse, ("ann", "film", 1), ("bob", "film", 2))
    first = bring(from_warehouse(warehouse))
    assert (first.rows, stored(first)) == (2, (2, 0))
    assert first.mark_before is None
    assert first.mark_after is not None
    assert first.mark_after.value == "2026-01-01 00:02:00+00:00"
    add_visits(warehouse, ("cat", "film", 2), ("dan", "film", 3))
    second = bring(from_warehouse(warehouse))
    assert (second.rows, stored(second)) == (3, (2, 1))
    assert second.mark_before == first.mark_after
    assert events(engine) == 4
    third = bring(from_warehouse(warehouse))
    assert stored(third) == (0, 1)
    assert third.mark_after == second.mark_after


def test_a_query_may_look_back(bring: Bring, engine: Engine, warehouse: str) -> None:
    query = "select * from visits where updated_at >= {since} - interval '10 minutes'"
    add_visits(warehouse, ("ann", "film", 20))
    bring(from_warehouse(warehouse, query))
    # Its transaction was committed after the mark had passed it.
    add_visits(warehouse, ("bob", "film", 15))
    late = bring(from_warehouse(warehouse, query))
    assert stored(late) == (1, 1)
    assert late.mark_after == late.mark_before


def test_a_load_that_was_taken_back_takes_the_mark_with_it(
    bring: Bring, engine: Engine, warehouse: str
) -> None:
    add_visits(warehouse, ("ann", "film", 1))
    bring(from_warehouse(warehouse))
    add_visits(warehouse, ("bob", "film", 2))
    second = bring(from_warehouse(warehouse))
    assert second.report is not None
    with engine.begin() as connection:
        undo_load(connection, second.report.load_no)
    third = bring(from_warehouse(warehouse))
    assert third.mark_before == second.mark_before
    assert (stored(third), events(engine)) == ((1, 1), 2)


@pytest.mark.parametrize(
    ("kind", "first", "later"),
    [
        ("integer", 9, 10),
        ("double precision", 9.5, 10.25),
        ("timestamp", "2026-01-09 00:00:00", "2026-01-10 00:00:00.000001"),
        ("date", "2026-01-09", "2026-01-10"),
        ("text", "b'a", "c"),
    ],
)
def test_a_mark_may_be_a_number_a_date_or_text(
    bring: Bring, warehouse: str, kind: str, first: Any, later: Any
) -> None:
    ask(warehouse, f"alter table visits drop updated_at, add updated_at {kind}")
    for user, mark in (("ann", first), ("bob", later)):
        ask(
            warehouse,
            "insert into visits values (%s, 'film', '2026-01-01', %s)",
            user,
            mark,
        )
        imported = bring(from_warehouse(warehouse))
        assert imported.mark_after is not None
        assert imported.mark_after.value == str(mark)
    assert stored(bring(from_warehouse(warehouse))) == (0, 1)


def test_a_time_in_the_future_does_not_keep_later_rows_out(bring: Bring, warehouse: str) -> None:
    add_visits(warehouse, ("ann", "film", 1))
    ask(warehouse, "insert into visits values ('eve', 'film', '2026-01-01', '2999-01-01')")
    first = bring(from_warehouse(warehouse))
    assert first.mark_after is not None
    assert first.mark_after.value == "2026-01-01 00:01:00+00:00"
    assert "1 rows have a updated_at in the future" in first.notices[0]
    add_visits(warehouse, ("bob", "film", 2))
    assert stored(bring(from_warehouse(warehouse))) == (1, 2)


@pytest.mark.parametrize("kind", ["text", "integer"])
def test_a_query_on_sqlite_goes_on_from_the_mark(
    bring: Bring, engine: Engine, tmp_path: Path, kind: str
) -> None:
    path = tmp_path / "shop.db"
    marks = {"text": ("2026-01-01 10:00:00", "2026-01-02 10:00:00"), "integer": (1, 20)}[kind]
    with sqlite3.connect(path) as shop:
        shop.execute(
            f"create table visits (user_id text, item_id text, occurred_at text, updated_at {kind})"
        )
    for user, mark in zip(("ann", "bob"), marks, strict=True):
        with sqlite3.connect(path) as shop:
            shop.execute("insert into visits values (?, 'film', '2026-01-01', ?)", (user, mark))
        imported = bring(from_warehouse(f"sqlite:///{path}"))
        assert imported.mark_after is not None
        assert imported.mark_after.value == str(mark)
    assert stored(imported) == (1, 1)
    assert events(engine) == 2


WORKING = """
import sys
from loading.high_water_marks import IncrementalQuery
from loading.import_requests import DatabaseSource, ImportRequest
from loading.imports import import_new
from loading.options import LoadOptions
from sql.engine import make_engine
from sql.imports import ImportHistory

def wait(self, new):
    print("loaded", flush=True)
    sys.stdin.read()

ImportHistory.store = wait
query, url, store = sys.argv[1:]
source = DatabaseSource(IncrementalQuery(query, "updated_at"), url)
request = ImportRequest("shop", source, "the source", LoadOptions(create_items=True), "a test")
import_new(request, ImportHistory(make_engine(store).begin), store)
"""


def test_whoever_is_killed_between_the_load_and_the_mark_loses_and_doubles_nothing(
    bring: Bring, engine: Engine, warehouse: str, database_url: str
) -> None:
    add_visits(warehouse, ("ann", "film", 1))
    bring(from_warehouse(warehouse))
    add_visits(warehouse, ("bob", "film", 2), ("cat", "film", 3))
    with subprocess.Popen(
        [sys.executable, "-c", WORKING, FROM_MARK, warehouse, database_url],
        cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "loaded\n"
        child.kill()
    assert events(engine) == 3
    add_visits(warehouse, ("dan", "film", 4))
    after = bring(from_warehouse(warehouse))
    assert stored(after) == (1, 3)
    assert events(engine) == 4


def test_changed_columns_are_named_and_the_rest_is_loaded(bring: Bring, folder: Path) -> None:
    write(folder / "events-1.csv", f"{row(1)},web", heading=HEADING.replace("\n", ",channel\n"))
    bring(FolderSource(folder))
    write(folder / "events-2.csv", f"{row(2)},12", heading=HEADING.replace("\n", ",price\n"))
    second = bring(FolderSource(folder))
    assert second.notices == ("events-2.csv has new columns: price; missing columns: channel.",)
    assert stored(second) == (1, 0)


@pytest.mark.parametrize(
    ("heading", "reason"),
    [
        ("user_id,item_id,occurred_at,note\n", "event_id, which was read as event_id, is gone"),
        ("who,item_id,occurred_at,event_id\n", "events-2.csv is not understood any more"),
        ("user_id,item_id,created_at,event_id\n", "occurred_at, which was read as time, is gone"),
    ],
)
def test_a_column_that_was_read_and_is_gone_is_refused_before_anything_is_stored(
    bring: Bring, engine: Engine, folder: Path, heading: str, reason: str
) -> None:
    write(folder / "events-1.csv", row(1))
    bring(FolderSource(folder))
    write(folder / "events-2.csv", row(2), heading=heading)
    write(folder / "visits.csv", row(3))
    for _ in range(2):
        with pytest.raises(InvalidInputError, match=reason):
            bring(FolderSource(folder))
        assert events(engine) == 1
    if "who" not in heading:
        assert stored(bring(FolderSource(folder), accept_changes=True)) == (2, 0)


def test_a_gone_column_of_a_query_is_refused_until_somebody_says_what_is_read(
    bring: Bring, engine: Engine, warehouse: str
) -> None:
    add_visits(warehouse, ("ann", "film", 1))
    bring(from_warehouse(warehouse))
    ask(warehouse, "alter table visits rename user_id to who")
    with pytest.raises(InvalidInputError, match="user_id, which was read as user_id, is gone"):
        bring(from_warehouse(warehouse))
    ask(warehouse, "insert into visits values ('bob', 'film', '2026-01-01', '2026-01-01 01:00+00')")
    again = bring(from_warehouse(warehouse), options={"columns": {"user_id": "who"}})
    assert stored(again) == (1, 1)
    assert "query has new columns: who; missing columns: user_id." in again.notices[0]


def test_a_few_rows_are_read_as_all_those_before_them(
    bring: Bring, engine: Engine, folder: Path
) -> None:
    heading = "user_id,item_id,rating,time,order_id\n"
    write(folder / "r1.csv", "a,x,9,1600000000,o1", "a,y,1,1600000000,o1", heading=heading)
    bring(FolderSource(folder))
    # Alone they would be on a scale to 5, and the order's id would be that of its only event.
    write(folder / "r2.csv", "b,x,5,1600000001,o2", "b,y,2,1600000002,o3", heading=heading)
    bring(FolderSource(folder))
    write(folder / "r3.csv", "b,y,2,1600000001,o2", heading=heading)
    assert stored(bring(FolderSource(folder))) == (1, 0)
    with engine.connect() as connection:
        scales = connection.execute(
            text("select distinct greatest from interactions join rating_scales using (scale_no)")
        ).scalars()
        assert list(scales) == [10.0]


def test_items_go_on_being_made_if_the_first_import_made_them(bring: Bring, folder: Path) -> None:
    write(folder / "1.csv", row(1))
    bring(FolderSource(folder), options={"create_items": None})
    write(folder / "2.csv", row(2).replace("item-1", "item-2"))
    assert stored(bring(FolderSource(folder), options={"create_items": None})) == (1, 0)


def test_another_source_or_mark_under_the_same_name_is_refused(
    bring: Bring, folder: Path, warehouse: str
) -> None:
    add_visits(warehouse, ("ann", "film", 1))
    bring(from_warehouse(warehouse))
    other = "select * from visits where occurred_at >= {since}"
    with pytest.raises(InvalidInputError, match="is one of the column updated_at"):
        bring(DatabaseSource(IncrementalQuery(other, "occurred_at"), warehouse))
    with pytest.raises(InvalidInputError, match="another `name`"):
        bring(FolderSource(folder), shown_source="another")


@pytest.mark.parametrize(
    ("query", "column", "reason"),
    [
        ("select * from visits where updated_at > {since}", "updated_at", "Write >= {since}"),
        ("select * from visits", "updated_at", "where updated_at >= {since}"),
        ("select * from visits where updated_at >= {since}", None, "say in `high_water_mark`"),
    ],
)
def test_a_query_that_would_lose_rows_is_refused(
    query: str, column: str | None, reason: str
) -> None:
    with pytest.raises(InvalidInputError, match=reason):
        IncrementalQuery(query, column)


def test_no_error_says_the_password(bring: Bring, warehouse: str) -> None:
    for url in (
        "postgresql://reader:tops/ecret@127.0.0.1:1/shop",
        "postgresql://reader:topsecret@127.0.0.1:1/shop",
        "postgresql://reader@127.0.0.1:1/shop?password=topsecret",
        "postgresql://reader:tops%65cret@127.0.0.1:1/shop",
    ):
        with pytest.raises(InvalidInputError) as raised:
            bring(from_warehouse(url))
        assert "secret" not in str(raised.value)
        assert "tops" not in str(raised.value)
        assert raised.value.__suppress_context__
        assert "tops" not in repr(from_warehouse(url))
        with pytest.raises(InvalidInputError, match="Secret block"):
            refuse_password(url)
    refuse_password("postgresql://reader@host/shop")
    refuse_password("sqlite:////data/shop.db")
    refuse_password("/data/exports")
    refuse_password("warehouse")


def test_one_run_of_an_import_is_at_work_and_others_are_not_kept(app_engine: Engine) -> None:
    sessions = [
        app_engine.connect().execution_options(isolation_level="AUTOCOMMIT") for _ in range(2)
    ]
    first, second = sessions
    with import_lock(first, "shop"):
        with import_lock(second, "other"):
            pass
        with pytest.raises(ImportInProgressError), import_lock(second, "shop"):
            pass
    with import_lock(second, "shop"):
        pass
    for session in sessions:
        session.close()
