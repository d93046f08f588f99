"""Events count once, and the log is read without gaps."""

import uuid
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import IntegrityError

from domain.identifiers import ItemNo, KindNo, Position, UserId, UserNo
from sql.log import (
    NewEvent,
    count_events_since,
    event_horizon,
    load_histories,
    load_kinds,
)
from tests.events import NOON, event, record

FIRST = 2
"""The position of the first event: the films have told of themselves at the one before."""


def positions(connection: Connection) -> list[int]:
    return list(connection.execute(text("select position from interactions order by 1")).scalars())


def test_an_event_sent_again_counts_once(engine: Engine, film_nos: list[int]) -> None:
    sent = [event("ann", film_nos[0]), event("bob", film_nos[1])]
    with engine.begin() as connection:
        assert record(connection, sent)[:2] == (2, 0)
    with engine.begin() as connection:
        assert record(connection, [*sent, event("ann", film_nos[2])])[:2] == (1, 2)
        assert len(positions(connection)) == 3


def test_an_event_id_counts_once_across_time_partitions(
    engine: Engine, film_nos: list[int]
) -> None:
    first = event("ann", film_nos[0])
    later = NewEvent(
        first.event_id,
        first.user_id,
        first.item_no,
        first.kind_no,
        None,
        NOON + timedelta(days=500),
    )
    with engine.begin() as connection:
        assert record(connection, [first])[0] == 1
    with engine.begin() as connection:
        assert record(connection, [later]) == (0, 1, [])


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
        for place, writer in enumerate(writers):
            record(writer, [event(f"user-{place}", film_nos[place])])
        for place in order:
            if committed[place]:
                writers[place].commit()
            else:
                writers[place].rollback()
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
            load_kinds(connection),
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
        kinds = load_kinds(connection)
        (user_no,) = connection.execute(text("select user_no from users")).scalars()
        newest = load_histories(connection, kinds, [user_no], horizon=Position(2**40), events=2)[
            user_no
        ]
        until_three = load_histories(
            connection, kinds, [user_no], horizon=Position(FIRST + 2), events=None
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
        counts = count_events_since(
            connection, users, cut_off=Position(FIRST + 1), horizon=Position(FIRST + 4)
        )
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
