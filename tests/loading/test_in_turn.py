"""Two connections store a load's batches in turn, and what is stored is as if it were one."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from loading import events, in_turn
from loading.detached import EventWriter
from loading.reasons import Reason
from loading.report import LoadReport
from loading.store import connected
from sql.loads import Undone, undo_load
from tests.loading.staged import staged_batch
from tests.loading.written_files import load_path
from tests.waiting import statements_waiting, wait_until

pytestmark = pytest.mark.usefixtures("own_folder")

BATCH = 100
TIME = 1_600_000_000


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "EVENTS_AT_ONCE", BATCH)


def event_id(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012d}"


def load_rows(folder: Path, url: str, rows: list[tuple[str, str, int, str]]) -> LoadReport:
    path = folder / "events.csv"
    lines = (f"{user},{item},{time},{its_id}\n" for user, item, time, its_id in rows)
    path.write_text("".join(["user_id,item_id,time,event_id\n", *lines]))
    return load_path(path, url, create_items=True)


def test_batches_with_the_same_new_users_and_ids_are_stored_in_the_order_of_the_file(
    database_url: str, engine: Engine, tmp_path: Path
) -> None:
    rows = [(f"user-{n % 7}", f"item-{n % 3}", TIME + n, event_id(n)) for n in range(10 * BATCH)]
    # Each batch but the first begins with an event of the one before, once as it was there and
    # once as another one.
    for batch in range(1, 10):
        user, item, time, its_id = rows[batch * BATCH - 1]
        rows[batch * BATCH] = (user, item, time if batch % 2 else time + 1, its_id)
    report = load_rows(tmp_path, database_url, rows)
    assert (report.events_stored, report.events_repeated) == (10 * BATCH - 9, 5)
    assert report.rejected == {Reason.CONFLICT.value: 4}
    with engine.connect() as connection:
        query = text("select occurred_at from interactions order by position")
        times = [at.timestamp() for at in connection.execute(query).scalars()]
        users = connection.execute(text("select count(*) from users where user_no > 0"))
        assert users.scalar_one() == 7
    first = {its_id: time for _, _, time, its_id in reversed(rows)}
    assert sorted(times) == sorted(map(float, first.values()))
    # Within a batch positions follow the ids, which here are in the order of times.
    assert times == sorted(times)


def test_a_batch_that_waits_for_the_one_before_lets_go_of_its_users(
    database_url: str, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(in_turn, "_LONGEST_WAIT_SECONDS", 0.5)
    rows = [(f"user-{n // BATCH}", "film", TIME + n, event_id(n)) for n in range(3 * BATCH)]
    load_rows(
        tmp_path,
        database_url,
        [(f"user-{n}", "film", TIME - 1, event_id(10**6 + n)) for n in range(3)],
    )
    claim = text(
        "insert into event_receipts (event_id, position, occurred_at)"
        " values (:event_id, nextval('interaction_positions'), now())"
    )
    hold = "select user_no from users where user_id = 'user-1' for update"

    def is_held() -> bool:
        with engine.connect() as connection:
            return not connection.execute(text(f"{hold} skip locked")).all()

    with ThreadPoolExecutor(1) as threads, engine.connect() as other:
        other.execute(text("set local lock_timeout = '20s'"))
        other.execute(claim, {"event_id": event_id(5)})
        report = threads.submit(load_rows, tmp_path, database_url, rows)
        wait_until(is_held)
        # The first batch waits for us, and the second for the first.
        assert len(other.execute(text(hold)).all()) == 1
        assert statements_waiting(engine, "write_resolved_events")
        other.commit()
        assert (report.result(60).events_stored, report.result().events_repeated) == (299, 1)


def undo(engine: Engine, load_no: int) -> Undone:
    with engine.begin() as connection:
        return undo_load(connection, load_no)


def test_whoever_takes_a_load_back_waits_for_its_second_connection(
    database_url: str, engine: Engine
) -> None:
    with ThreadPoolExecutor(1) as threads, connected(database_url) as second:
        with connected(database_url) as first:
            load_no, _ = first.begin_load("somebody", "a file", {})
        second.load_no = load_no
        staged = staged_batch([(bytes([1] * 16), "ann", "film")])
        resolved = second.resolve_events(staged, create_items=True)
        # The first connection, which had the lock of the load, is gone.
        undone = threads.submit(undo, engine, load_no)
        wait_until(lambda: undone.done() or statements_waiting(engine, "undo_load"))
        assert second.write_resolved_events(resolved).stored == 1
        assert (undone.result(60).events, undone.result().users_removed) == (1, 1)
        with pytest.raises(Exception, match="no load"):
            second.resolve_events(staged, create_items=True)


def test_what_comes_after_a_batch_that_failed_is_not_stored(
    database_url: str, engine: Engine
) -> None:
    batches = [staged_batch([(bytes([n] * 16), f"user-{n}", "film")]) for n in range(3)]
    faulty = staged_batch([(bytes([9] * 16), "ann", "film")], kind_no=99)
    with connected(database_url) as store:
        store.begin_load("somebody", "a file", {})
        writer = EventWriter(store, events=4)
        stored = [
            writer.submit(each, create_items=True) for each in (batches[0], faulty, *batches[1:])
        ]
        assert stored[0].result(60).stored == 1
        for each in stored[1:]:
            with pytest.raises(Exception, match="unknown kind"):
                each.result(60)
        writer.close()
    with engine.connect() as connection:
        assert connection.execute(text("select count(*) from interactions")).scalar_one() == 1
