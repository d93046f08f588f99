"""Loads that others write beside: nobody waits for ever, and nothing is lost or counted twice."""

import threading
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from loading.report import LoadReport
from tests.loading.written_files import load_path
from tests.waiting import statements_waiting, wait_until

pytestmark = pytest.mark.usefixtures("own_folder")


def items_file(folder: Path, titles: dict[str, str], name: str = "items") -> Path:
    path = folder / f"{name}.csv"
    rows = [f"{item_id},{title}\n" for item_id, title in titles.items()]
    path.write_text("".join(["item_id,title\n", *rows]))
    return path


def load_that_waits(
    engine: Engine, path: Path, database_url: str, reports: list[LoadReport]
) -> threading.Thread:
    """Begin to load a file; return once the load waits for somebody as it stores events."""
    thread = threading.Thread(
        target=lambda: reports.append(load_path(path, database_url, create_items=True)),
        daemon=True,
    )
    thread.start()
    wait_until(lambda: statements_waiting(engine, "store_staged_events"))
    return thread


def test_a_load_that_is_ended_by_a_deadlock_goes_on(
    database_url: str, engine: Engine, tmp_path: Path
) -> None:
    load_path(items_file(tmp_path, {"a": "One", "b": "Two"}), database_url)
    changed = items_file(tmp_path, {"a": "One more", "b": "Two more"}, "changed")
    reports = list[LoadReport]()
    touch = text("update items set title = title || '!' where item_id = :item_id")
    with engine.connect() as other:
        # Of the two the load is to be ended.
        other.execute(text("set local deadlock_timeout = '60s'"))
        other.execute(touch, {"item_id": "b"})
        thread = threading.Thread(
            target=lambda: reports.append(load_path(changed, database_url)), daemon=True
        )
        thread.start()
        wait_until(lambda: statements_waiting(engine, "staged_items"))
        other.execute(touch, {"item_id": "a"})
        other.commit()
    thread.join(timeout=30)
    assert [report.items_changed for report in reports] == [2]
    with engine.connect() as connection:
        titles = connection.execute(text("select title from items order by item_id"))
        assert titles.scalars().all() == ["One more", "Two more"]


def test_new_and_changed_items_of_a_large_file_are_told_apart(
    database_url: str, engine: Engine, tmp_path: Path
) -> None:
    known = {f"item-{n}": f"Film {n}" for n in range(0, 2_500, 2)}
    first = load_path(items_file(tmp_path, known), database_url)
    assert (first.items_new, first.items_changed) == (1_250, 0)
    mixed = {f"item-{n}": f"Film {n}{'!' if n % 4 == 0 else ''}" for n in range(2_500)}
    second = load_path(items_file(tmp_path, mixed, "mixed"), database_url)
    counts = (second.items_new, second.items_changed, second.items_unchanged)
    assert counts == (1_250, 625, 625)
    again = load_path(items_file(tmp_path, mixed, "mixed"), database_url)
    assert (again.items_new, again.items_changed, again.items_unchanged) == (0, 0, 2_500)


def test_no_transaction_of_a_load_adds_items_and_replaces_some(
    database_url: str, engine: Engine, tmp_path: Path
) -> None:
    load_path(items_file(tmp_path, {"a": "One"}), database_url)
    load_path(items_file(tmp_path, {"a": "Other", "b": "Two"}, "mixed"), database_url)
    with engine.connect() as connection:
        query = text("select xmin::text from items order by item_id")
        first, other = connection.execute(query).scalars()
    assert first != other


def test_an_event_that_somebody_else_is_storing_is_waited_for_and_the_others_are_stored(
    database_url: str, engine: Engine, tmp_path: Path
) -> None:
    ids = [f"00000000-0000-4000-8000-{number:012d}" for number in range(5)]
    rows = [f"user-{n},film,{1_600_000_000 + n},{ids[n]}\n" for n in range(5)]
    path = tmp_path / "events.csv"
    path.write_text("".join(["user_id,item_id,time,event_id\n", *rows]))
    reports = list[LoadReport]()
    claim = text(
        "insert into event_receipts (event_id, position, occurred_at)"
        " values (:event_id, nextval('interaction_positions'), now())"
    )
    with engine.connect() as other:
        other.execute(claim, {"event_id": ids[2]})
        thread = load_that_waits(engine, path, database_url, reports)
        other.commit()
    thread.join(timeout=30)
    assert [(report.events_stored, report.events_repeated) for report in reports] == [(4, 1)]
    with engine.connect() as connection:
        stored = connection.execute(
            text("select event_id::text from interactions order by position")
        )
        assert stored.scalars().all() == [each for each in ids if each != ids[2]]
        users = connection.execute(text("select user_id from users order by user_id"))
        assert users.scalars().all() == ["user-0", "user-1", "user-3", "user-4"]


def test_events_of_who_is_merged_while_a_load_would_make_them_are_the_other_users(
    database_url: str, engine: Engine, tmp_path: Path
) -> None:
    path = tmp_path / "events.csv"
    path.write_text("user_id,item_id,time\nann,film,1600000000\nzoe,film,1600000001\n")
    reports = list[LoadReport]()
    with engine.connect() as other:
        other.execute(text("select merge_users('ann', 'bob')"))
        thread = load_that_waits(engine, path, database_url, reports)
        other.commit()
    thread.join(timeout=30)
    assert [report.events_stored for report in reports] == [2]
    with engine.connect() as connection:
        query = "select user_id from interactions join users using (user_no) order by user_id"
        assert connection.execute(text(query)).scalars().all() == ["bob", "zoe"]
        query = "select user_id from users where user_no > 0 order by user_id"
        assert connection.execute(text(query)).scalars().all() == ["bob", "zoe"]
