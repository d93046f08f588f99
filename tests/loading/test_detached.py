"""A load into an empty log stores what any load does, all at once, and nobody else notices."""

import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError

from loading import detached, events
from loading.export import opened_export
from loading.file_formats import FileFormat
from loading.load import load
from loading.options import LoadOptions
from loading.reasons import Reason
from loading.report import LoadReport, Progress
from sql.engine import reason_of
from sql.loads import Undone, undo_load
from sql.statements import statements
from tests.events import event, record
from tests.waiting import statements_waiting, wait_until

pytestmark = pytest.mark.usefixtures("own_folder")

ROWS = 400
TIME = 1_600_000_000
THIS_YEAR = 1_770_000_000
SCHEMA = text(
    "select tablename || ' ' || indexdef from pg_indexes where tablename like 'interactions%'"
    " union all select conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid)"
    " from pg_constraint where conrelid::regclass::text like 'interactions%'"
    " union all select relname || ' ' || pg_get_expr(relpartbound, oid) from pg_class"
    " where relname like 'interactions%' order by 1"
)
STORED = text(
    "select user_id, item_id, kind_no, value, strength, scale_no, occurred_at, event_id::text"
    " from interactions join users using (user_no) join items using (item_no) order by event_id"
)
ITEM_1 = text("select item_no from items where item_id = 'item-1'")
MANY = text(
    "insert into interactions (position, event_id, user_no, item_no, kind_no, occurred_at)"
    " select nextval('interaction_positions'), gen_random_uuid(), 1, 1, 1, to_timestamp(:at)"
    " from generate_series(1, 20001)"
)
WITHOUT_RECEIPTS = text(
    "select count(*) from interactions full join event_receipts"
    " using (event_id, position, occurred_at)"
    " where interactions.user_no is null or event_receipts is null"
)


@pytest.fixture(autouse=True)
def few_events(monkeypatch: pytest.MonkeyPatch) -> None:
    """As with a hundred thousand, and without much patience."""
    monkeypatch.setattr(detached, "LEAST_EVENTS", 100)
    monkeypatch.setattr(detached, "_PATIENCE", 3)
    monkeypatch.setattr(events, "EVENTS_AT_ONCE", 100)


def events_file(folder: Path, rows: int = ROWS, extra: str = "", user: str = "user") -> Path:
    path = folder / f"events-of-{user}.csv"
    written = (
        f"{user}-{n % 97},item-{n % 13},{'rate' if n % 3 else 'view'},{n % 5 + 1 if n % 3 else ''},"
        f"{(TIME if n % 2 else THIS_YEAR) + n}\n"
        for n in range(rows)
    )
    path.write_text("".join(["user_id,item_id,kind,rating,timestamp\n", *written, extra]))
    return path


def loaded(
    path: Path, url: str, on_progress: Callable[[Progress], None] | None = None
) -> LoadReport:
    return load([str(path)], url, LoadOptions(create_items=True), on_progress=on_progress)


def rows_of(engine: Engine, query: Any) -> list[Any]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(query)]


def count_of(engine: Engine, query: str, **parameters: object) -> int:
    with engine.connect() as connection:
        return int(connection.execute(text(query), parameters).scalar_one())


def test_the_same_is_stored_as_in_the_usual_way(
    database_url: str, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, before = events_file(tmp_path), rows_of(engine, SCHEMA)
    first = loaded(path, database_url)
    assert (first.events_stored, first.events_repeated, first.items_new) == (ROWS, 0, 13)
    assert count_of(engine, "select min(position) from interactions") == 2_000_001
    assert rows_of(engine, WITHOUT_RECEIPTS) == [(0,)]
    stored = rows_of(engine, STORED)
    # Partitions, indexes and constraints are as they were, and none is left over.
    assert rows_of(engine, SCHEMA) == before
    with engine.begin() as connection:
        undo_load(connection, first.load_no)
    monkeypatch.setattr(detached, "LEAST_EVENTS", 1_000_000)
    assert loaded(path, database_url).events_stored == ROWS
    assert rows_of(engine, STORED) == stored


def test_it_is_taken_back_whole_and_can_be_loaded_again(
    database_url: str, engine: Engine, tmp_path: Path
) -> None:
    path = events_file(tmp_path)
    first = loaded(path, database_url)
    with engine.begin() as connection:
        gone = undo_load(connection, first.load_no)
    assert gone == Undone(ROWS, 97, 97, 13, 0, 0, is_new=True)
    for table in ("interactions", "event_receipts", "users", "items"):
        assert count_of(engine, f"select count(*) from {table} where true") == 0
    again = loaded(path, database_url)
    assert (again.events_stored, again.events_repeated) == (ROWS, 0)
    assert rows_of(engine, WITHOUT_RECEIPTS) == [(0,)]


def test_loading_again_changes_nothing(database_url: str, engine: Engine, tmp_path: Path) -> None:
    path = events_file(tmp_path)
    loaded(path, database_url)
    stored = rows_of(engine, STORED)
    again = loaded(path, database_url)
    assert (again.events_stored, again.events_repeated) == (0, ROWS)
    assert rows_of(engine, STORED) == stored


def test_from_a_repeated_event_on_the_rest_is_stored_in_the_usual_way(
    database_url: str, engine: Engine, tmp_path: Path
) -> None:
    lines = events_file(tmp_path).read_text().splitlines(keepends=True)
    path = tmp_path / "repeated.csv"
    # One in the second batch, of items that are new, one in the third, and more events after that.
    new = [f"user-1,new-{n},view,,{TIME}\n" for n in range(3)]
    lines[250:250] = [lines[8]]
    lines[150:150] = [*new, lines[5]]
    path.write_text("".join(lines))
    report = loaded(path, database_url)
    assert (report.events_stored, report.events_repeated, report.items_new) == (ROWS + 3, 2, 16)
    assert rows_of(engine, WITHOUT_RECEIPTS) == [(0,)]
    assert count_of(engine, "select count(distinct event_id) from interactions") == ROWS + 3


def test_an_id_that_comes_again_with_another_content_is_rejected(
    database_url: str, engine: Engine, tmp_path: Path
) -> None:
    ids = [f"00000000-0000-4000-8000-{n:012d}" for n in range(ROWS)]
    rows = [f"user-{n % 97},item-{n % 13},{TIME + n},{ids[n]}\n" for n in range(ROWS)]
    rows.insert(250, f"user-90,item-3,{TIME},{ids[3]}\n")
    rows.insert(20, f"user-90,item-4,{TIME},{ids[4]}\n")
    path = tmp_path / "events.csv"
    path.write_text("".join(["user_id,item_id,timestamp,event_id\n", *rows]))
    report = loaded(path, database_url)
    assert (report.events_stored, dict(report.rejected)) == (ROWS, {Reason.CONFLICT: 2})
    assert rows_of(engine, WITHOUT_RECEIPTS) == [(0,)]


def test_events_of_unknown_items_are_rejected_and_make_no_user(
    database_url: str, engine: Engine, tmp_path: Path
) -> None:
    with engine.begin() as connection:
        connection.execute(text("insert into items (item_id, title) values ('item-1', 'One')"))
    path = events_file(tmp_path, extra=f"unheard,item-2,view,,{TIME}\n")
    report = load([str(path)], database_url, LoadOptions())
    known = sum(n % 13 == 1 for n in range(ROWS))
    assert report.events_stored == known
    assert dict(report.rejected) == {Reason.UNKNOWN_ITEM: ROWS + 1 - known}
    assert count_of(engine, "select count(*) from users where user_id = 'unheard'") == 0
    assert count_of(engine, "select count(*) from users") == count_of(
        engine, "select count(distinct user_no) from interactions"
    )


def test_what_others_do_meanwhile_holds(
    database_url: str, engine: Engine, app_engine: Engine, tmp_path: Path
) -> None:
    done = list[int]()

    def meanwhile(progress: Progress) -> None:
        if not done and progress.rows >= 200:
            done.append(progress.rows)
            with app_engine.begin() as connection:
                connection.execute(text("select forget_user('user-5')"))
                connection.execute(text("select merge_users('user-6', 'user-7')"))
                connection.execute(
                    text(
                        "select record_events(array[gen_random_uuid()], array['live'],"
                        " array[(select min(item_no) from items)], array[1::smallint],"
                        " array[null::real], array[null::smallint], array[null::real],"
                        " array[to_timestamp(1770000000)], array[null::uuid], array[true],"
                        " array[null::jsonb], array[true], false)"
                    )
                )

    report = loaded(events_file(tmp_path), database_url, meanwhile)
    assert done
    assert report.events_stored == ROWS
    of_user = "select count(*) from interactions join users using (user_no) where user_id = :id"
    assert count_of(engine, of_user, id="user-5") == 0
    assert count_of(engine, of_user, id="user-6") == 0
    both = sum(n % 97 in (6, 7) for n in range(ROWS))
    assert count_of(engine, of_user, id="user-7") == both
    assert count_of(engine, of_user, id="live") == 1
    # It came before them, and is seen before them.
    assert (
        count_of(
            engine,
            "select count(*) from interactions where position < (select position from interactions"
            " join users using (user_no) where user_id = 'live')",
        )
        == 0
    )


def test_whoever_reads_the_log_for_long_is_not_waited_for(
    database_url: str, engine: Engine, tmp_path: Path
) -> None:
    with engine.connect() as reader:
        reader.execute(text("select count(*) from interactions"))
        report = loaded(events_file(tmp_path), database_url)
    assert report.events_stored == ROWS
    assert rows_of(engine, WITHOUT_RECEIPTS) == [(0,)]
    assert count_of(engine, "select event_horizon() - max(position) from interactions") == 0


def test_an_event_that_the_load_has_too_does_not_wait_to_its_end(
    database_url: str, engine: Engine, app_engine: Engine, tmp_path: Path
) -> None:
    ids = [uuid4() for _ in range(2 * ROWS)]
    rows = [f"user-{n % 97},item-{n % 13},{TIME + n},{ids[n]}\n" for n in range(2 * ROWS)]
    path = tmp_path / "events.csv"
    path.write_text("".join(["user_id,item_id,timestamp,event_id\n", *rows]))
    answers, at = list[Future[int]](), datetime.fromtimestamp(TIME + 1, UTC)

    def send() -> int:
        try:
            with app_engine.begin() as connection:
                item_no = connection.execute(ITEM_1).scalar_one()
                again = replace(event("user-1", item_no), event_id=ids[1], occurred_at=at)
                return record(connection, [again])[1]
        except OperationalError as error:
            # The load may wait for us when PostgreSQL looks. The API does the same.
            if reason_of(error) != "conflict":
                raise
            return send()

    with ThreadPoolExecutor(1) as threads:

        def meanwhile(progress: Progress) -> None:
            if not answers and progress.rows >= 200:
                answers.append(threads.submit(send))
                wait_until(lambda: statements_waiting(engine, "record_events"))
            elif progress.rows >= 600:
                assert answers[0].result(60) == 1

        report = loaded(path, database_url, meanwhile)
    assert report.events_stored == 2 * ROWS
    assert rows_of(engine, WITHOUT_RECEIPTS) == [(0,)]


@pytest.mark.parametrize("user", ["user", "another"])
def test_of_two_loads_at_once_each_event_is_stored_once(
    database_url: str, engine: Engine, tmp_path: Path, user: str
) -> None:
    paths = [events_file(tmp_path, user=each) for each in ("user", user)]
    others = list[Future[LoadReport]]()
    with ThreadPoolExecutor(1) as threads:

        def meanwhile(progress: Progress) -> None:
            if not others and progress.rows >= 200:
                others.append(threads.submit(loaded, paths[1], database_url))
                wait_until(lambda: others[0].done() or statements_waiting(engine))

        reports = [loaded(paths[0], database_url, meanwhile), others[0].result(60)]
    events_in_files = ROWS * len(set(paths))
    assert sum(report.events_stored for report in reports) == events_in_files
    assert sum(report.events_repeated for report in reports) == 2 * ROWS - events_in_files
    assert rows_of(engine, WITHOUT_RECEIPTS) == [(0,)]
    assert count_of(engine, "select count(distinct position) from interactions") == events_in_files


def test_settings_for_short_transactions_do_not_end_a_load(engine: Engine) -> None:
    names = ("statement_timeout", "transaction_timeout", "idle_in_transaction_session_timeout")
    with engine.connect() as connection:
        for name in names:
            connection.execute(text(f"set {name} = '1h'"))
        connection.execute(statements("loading")["allow_long_transaction"])
        assert {connection.execute(text(f"show {name}")).scalar_one() for name in names} == {"0"}


def test_partitions_that_somebody_has_made_something_of_stay(
    database_url: str, engine: Engine, tmp_path: Path
) -> None:
    with engine.begin() as connection:
        connection.execute(text("create view newest as select * from interactions_2026"))
        connection.execute(text("create index own on interactions_other (kind_no)"))
    before = rows_of(engine, SCHEMA)
    assert loaded(events_file(tmp_path), database_url).events_stored == ROWS
    assert rows_of(engine, SCHEMA) == before
    assert rows_of(engine, WITHOUT_RECEIPTS) == [(0,)]
    assert count_of(engine, "select count(*) from newest") == ROWS // 2


def test_a_partition_with_many_events_gets_more_and_a_small_one_is_exchanged(
    database_url: str, engine: Engine, tmp_path: Path
) -> None:
    partitions = text("select relname, oid from pg_class where relname like 'interactions_%'")
    before = dict(rows_of(engine, partitions))

    def meanwhile(progress: Progress) -> None:
        if progress.rows == ROWS // 2:
            with engine.begin() as connection:
                connection.execute(MANY, {"at": THIS_YEAR})

    assert loaded(events_file(tmp_path), database_url, meanwhile).events_stored == ROWS
    after = dict(rows_of(engine, partitions))
    assert after["interactions_2026"] == before["interactions_2026"]
    assert after["interactions_other"] != before["interactions_other"]
    assert count_of(engine, "select count(*) from interactions where load_no = 1") == ROWS
    assert count_of(engine, "select count(*) from interactions") == ROWS + 20_001


def test_an_export_that_waits_for_the_log_has_what_stands_there_then(
    database_url: str, engine: Engine, film_nos: list[int]
) -> None:
    def exported() -> int:
        with opened_export("events", database_url, FileFormat.CSV) as export:
            return sum(batch.num_rows for batch in export.batches)

    with ThreadPoolExecutor(1) as threads, engine.begin() as connection:
        connection.execute(text("lock table interactions"))
        answer = threads.submit(exported)
        wait_until(lambda: statements_waiting(engine, "interactions"))
        record(connection, [event("ann", film_nos[0])])
        connection.commit()
        assert answer.result(60) == 1


WORKING = """
import sys
from loading import detached, events
from loading.options import LoadOptions
from loading.load import load

detached.LEAST_EVENTS = events.EVENTS_AT_ONCE = 100

def stop(progress):
    if progress.rows >= 300:
        print(progress.rows, flush=True)
        sys.stdin.read()

load([sys.argv[1]], sys.argv[2], LoadOptions(create_items=True), on_progress=stop)
"""


def test_a_killed_load_leaves_no_event_and_is_completed_by_loading_again(
    database_url: str, engine: Engine, tmp_path: Path
) -> None:
    path, before = events_file(tmp_path), rows_of(engine, SCHEMA)
    with subprocess.Popen(
        [sys.executable, "-c", WORKING, str(path), database_url],
        cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdout is not None
        assert int(child.stdout.readline()) >= 300
        child.kill()
    assert count_of(engine, "select count(*) from interactions") == 0
    report = loaded(path, database_url)
    assert (report.load_no, report.resumed, report.events_stored) == (1, True, ROWS)
    # What has ended it once is not to end it again.
    assert count_of(engine, "select max(position) from interactions") < 2_000_000
    assert rows_of(engine, SCHEMA) == before
    assert rows_of(engine, WITHOUT_RECEIPTS) == [(0,)]
