"""Events count once, and the log is read without gaps."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, func, select, text
from sqlalchemy.exc import DatabaseError, IntegrityError

from domain.identifiers import ItemNo, KindNo, Position, UserId, UserNo
from sql.log import (
    CONFLICTING_EVENTS,
    NewEvent,
    counts_of,
    counts_question,
    event_horizon,
)
from sql.pipelining import ask
from tests.events import NOON, RATE, event, record, user_no_of
from tests.histories import load_histories
from tests.waiting import statements_waiting, wait_until

FIRST = 3
"""The position of the first event: the films have told of themselves at the two before."""


def positions(connection: Connection) -> list[int]:
    return list(connection.execute(text("select position from interactions order by 1")).scalars())


def test_an_event_sent_again_counts_once(engine: Engine, film_nos: list[int]) -> None:
    sent = [event("ann", film_nos[0]), event("bob", film_nos[1])]
    with engine.begin() as connection:
        assert record(connection, sent)[:2] == (2, 0)
    with engine.begin() as connection:
        assert record(connection, [*sent, event("ann", film_nos[2])])[:2] == (1, 2)
        assert len(positions(connection)) == 3


def test_an_event_whose_time_nobody_told_counts_once_across_time_partitions(
    engine: Engine, film_nos: list[int]
) -> None:
    first = event("ann", film_nos[0])
    later = replace(first, occurred_at=NOON + timedelta(days=500), time_given=False)
    with engine.begin() as connection:
        assert record(connection, [first])[0] == 1
    with engine.begin() as connection:
        accepted, duplicates, users = record(connection, [later])
        assert (accepted, duplicates) == (0, 1)
        assert users == [user_no_of(connection, "ann")]
        assert len(positions(connection)) == 1


OTHERWISE = [
    {"user_id": UserId("bob")},
    {"item_no": 1},
    {"kind_no": KindNo(2)},
    {"value": 4.0},
    {"value": None},
    {"occurred_at": NOON + timedelta(microseconds=1)},
    {"occurred_at": NOON + timedelta(days=500)},
]


@pytest.mark.parametrize("other", OTHERWISE)
def test_an_event_id_with_another_content_is_a_conflict_and_nothing_is_stored(
    engine: Engine, film_nos: list[int], other: dict[str, Any]
) -> None:
    if "item_no" in other:
        other = {"item_no": ItemNo(film_nos[1])}
    first = replace(event("ann", film_nos[0], kind_no=RATE), value=3.0)
    with engine.begin() as connection:
        record(connection, [first])
    batch = [event("eve", film_nos[2]), first, replace(first, **other)]
    with engine.connect() as connection:
        with pytest.raises(DatabaseError) as caught:
            record(connection, batch)
        connection.rollback()
        assert (caught.value.orig.sqlstate, caught.value.orig.diag.message_detail) == (
            CONFLICTING_EVENTS, "[2]",
        )  # fmt: skip
        assert len(positions(connection)) == 1
    with engine.begin() as connection:
        assert record(connection, [first])[:2] == (0, 1), "an equal one is a duplicate"


def test_of_two_contents_under_one_id_in_one_batch_the_second_is_the_conflict(
    engine: Engine, film_nos: list[int]
) -> None:
    first = event("ann", film_nos[0])
    with engine.connect() as connection:
        with pytest.raises(DatabaseError) as caught:
            record(connection, [first, first, replace(first, item_no=ItemNo(film_nos[1]))])
        connection.rollback()
        assert caught.value.orig.diag.message_detail == "[2]"
        assert positions(connection) == []


def test_of_two_senders_at_once_the_second_waits_and_is_notified_of_the_conflict(
    engine: Engine, film_nos: list[int]
) -> None:
    first = event("ann", film_nos[0])
    with engine.connect() as early, ThreadPoolExecutor(1) as thread:
        record(early, [first])

        def second() -> Any:
            with engine.begin() as late:
                return record(late, [replace(first, item_no=ItemNo(film_nos[1]))])

        waiting = thread.submit(second)
        wait_until(lambda: statements_waiting(engine))
        early.commit()
        with pytest.raises(DatabaseError, match="another content"):
            waiting.result()


def test_what_was_deleted_or_forgotten_has_no_content_to_differ_from(
    engine: Engine, film_nos: list[int]
) -> None:
    undone, forgotten = event("ann", film_nos[0]), event("bob", film_nos[0])
    with engine.begin() as connection:
        record(connection, [undone, forgotten])
        connection.execute(select(func.delete_event(undone.event_id)))
        connection.execute(select(func.forget_user("bob")))
    with engine.begin() as connection:
        others = [replace(event, item_no=ItemNo(film_nos[1])) for event in (undone, forgotten)]
        assert record(connection, others) == (0, 2, [])
        assert positions(connection) == []


def test_an_event_id_given_twice_in_one_batch_counts_once(
    engine: Engine, film_nos: list[int]
) -> None:
    once = event("ann", film_nos[0])
    with engine.begin() as connection:
        assert record(connection, [once, once])[:2] == (1, 1)


def test_a_rolled_back_event_can_be_sent_again(engine: Engine, film_nos: list[int]) -> None:
    sent = [event("ann", film_nos[0])]
    with engine.connect() as connection:
        record(connection, sent)
        connection.rollback()
    with engine.begin() as connection:
        assert record(connection, sent)[0] == 1


def test_an_event_of_an_unknown_kind_is_refused(engine: Engine, film_nos: list[int]) -> None:
    with engine.connect() as connection, pytest.raises(IntegrityError, match="unknown kind"):
        record(connection, [event("ann", film_nos[0], kind_no=99)])


def test_the_horizon_waits_for_a_writer_that_drew_earlier_positions(
    engine: Engine, film_nos: list[int]
) -> None:
    with engine.connect() as early, engine.connect() as late, engine.connect() as reader:
        record(early, [event("ann", film_nos[0])])
        record(late, [event("bob", film_nos[1])])
        late.commit()
        before = event_horizon(reader)
        assert positions(reader) == [FIRST + 1]
        assert before < FIRST
        reader.commit()
        early.commit()
        after = event_horizon(reader)
        assert after >= 2
        assert positions(reader) == [FIRST, FIRST + 1]


def test_a_writer_of_other_tables_does_not_hold_the_horizon(
    engine: Engine, film_nos: list[int]
) -> None:
    with engine.connect() as other, engine.connect() as writer, engine.connect() as reader:
        other.execute(text("update items set title = title"))
        record(writer, [event("ann", film_nos[0])])
        writer.commit()
        assert event_horizon(reader) == FIRST


def test_the_horizon_of_an_empty_log_is_zero(engine: Engine) -> None:
    with engine.connect() as connection:
        assert event_horizon(connection) == 0


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    order=st.permutations(list(range(6))), committed=st.lists(st.booleans(), min_size=6, max_size=6)
)
def test_whatever_the_order_of_commits_a_reader_at_the_horizon_misses_nothing(
    engine: Engine, film_nos: list[int], order: list[int], committed: list[bool]
) -> None:
    with engine.begin() as connection:
        start = event_horizon(connection)
    seen: list[int] = []
    writers = [engine.connect() for _ in order]
    with engine.connect() as reader:
        for index, writer in enumerate(writers):
            record(writer, [event(f"user-{index}", film_nos[index])])
        for index in order:
            if committed[index]:
                writers[index].commit()
            else:
                writers[index].rollback()
            horizon = event_horizon(reader)
            fresh = [p for p in positions(reader) if max([start, *seen]) < p <= horizon]
            seen.extend(fresh)
            reader.commit()
        everything = [p for p in positions(reader) if p > start]
    for writer in writers:
        writer.close()
    assert seen == everything
    assert len(seen) == sum(committed)


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(arrival=st.permutations(list(range(8))))
def test_a_history_does_not_depend_on_the_order_of_arrival(
    engine: Engine, film_nos: list[int], arrival: list[int]
) -> None:
    # Pairs share an instant, so the order within it is put to the test too.
    events = [
        NewEvent(
            uuid.UUID(int=n),
            UserId("ann"),
            ItemNo(film_nos[n % 5]),
            KindNo(1 + n % 3),
            None,
            NOON + timedelta(minutes=n // 2),
        )
        for n in range(8)
    ]
    with engine.connect() as connection:
        for n in arrival:
            record(connection, [events[n]])
        (user_no,) = connection.execute(text("select user_no from users")).scalars()
        history = load_histories(
            connection,
            [UserNo(user_no)],
            horizon=Position(2**40),
            events=None,
        )[UserNo(user_no)]
        connection.rollback()
    expected = sorted(events, key=lambda e: (e.occurred_at, e.item_no, e.kind_no, e.event_id))
    assert history.item_nos.tolist() == [e.item_no for e in expected]


def test_a_history_is_cut_at_the_newest_events_and_at_the_horizon(
    engine: Engine, film_nos: list[int]
) -> None:
    with engine.begin() as connection:
        record(connection, [event("ann", film_nos[n], minutes=n) for n in range(6)])
        (user_no,) = connection.execute(text("select user_no from users")).scalars()
        newest = load_histories(connection, [user_no], horizon=Position(2**40), events=2)[user_no]
        until_three = load_histories(
            connection, [user_no], horizon=Position(FIRST + 2), events=None
        )[user_no]
    assert newest.item_nos.tolist() == film_nos[4:6]
    assert len(until_three.item_nos) == 3


def test_events_since_the_cut_off_are_counted_by_user(engine: Engine, film_nos: list[int]) -> None:
    with engine.begin() as connection:
        for user in ("ann", "bob"):
            record(connection, [event(user, film_nos[n]) for n in range(3)])
        by_id = {
            row.user_id: row.user_no
            for row in connection.execute(text("select user_id, user_no from users"))
        }
        users = list(by_id.values())
        question = counts_question(users, cut_off=Position(FIRST + 1), horizon=Position(FIRST + 4))
        counts = counts_of(ask(connection, question))
        assert counts == {by_id["ann"]: 1, by_id["bob"]: 2}


def test_the_analyst_reads_the_views_and_nothing_else(engine: Engine) -> None:
    with engine.connect() as connection:
        connection.execute(text("set local role analyst"))
        for view in ("model_runs", "current_recommendations", "interactions_daily"):
            connection.execute(text(f"select * from analytics.{view}")).all()
        with pytest.raises(Exception, match="permission denied"):
            connection.execute(text("select * from public.api_keys"))


def test_every_column_of_the_analysts_views_is_described(engine: Engine) -> None:
    with engine.connect() as connection:
        undescribed = connection.execute(
            text(
                "select attrelid::regclass || '.' || attname from pg_attribute"
                " join pg_class on pg_class.oid = attrelid"
                " where relnamespace = 'analytics'::regnamespace and attnum > 0"
                " and col_description(attrelid, attnum) is null"
            )
        ).scalars()
        assert list(undescribed) == []
