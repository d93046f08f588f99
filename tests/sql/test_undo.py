"""A deleted event is gone, whoever else is writing at the time."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, text

from domain.identifiers import RunId
from sql.folding import find_stale_users
from sql.log import NewEvent, event_horizon
from tests.events import event, record, user_no_of
from tests.removals import count, delete, forget, waiting


@pytest.fixture
def sent(engine: Engine, film_nos: list[int]) -> NewEvent:
    """An event of ann's that is in the log."""
    sent = event("ann", film_nos[0])
    with engine.begin() as connection:
        record(connection, [sent])
    return sent


def changes(connection: Connection) -> list[int]:
    return list(connection.execute(text("select position from user_changes order by 1")).scalars())


def test_a_deleted_event_is_out_of_the_log_and_does_not_come_back_when_it_is_sent_again(
    engine: Engine, film_nos: list[int]
) -> None:
    kept, gone = event("ann", film_nos[0]), event("ann", film_nos[1])
    with engine.begin() as connection:
        record(connection, [kept, gone])
        deleted = delete(connection, gone.event_id)
        assert (deleted.is_new, deleted.user_id) == (True, "ann")
    with engine.begin() as connection:
        assert record(connection, [kept, gone]) == (0, 2, [user_no_of(connection, "ann")])
        left = connection.execute(text("select event_id from interactions")).scalars().all()
        assert left == [kept.event_id]


def test_deleting_twice_deletes_once_and_tells_when_it_was(engine: Engine, sent: NewEvent) -> None:
    with engine.begin() as connection:
        first = delete(connection, sent.event_id)
    with engine.begin() as connection:
        second = delete(connection, sent.event_id)
        assert (second.is_new, second.user_id) == (False, "ann")
        assert second.deleted_at == first.deleted_at
        assert count(connection, "event_deletions") == 1


def test_deleting_what_was_never_received_stores_nothing_and_the_event_counts_if_it_comes(
    engine: Engine, film_nos: list[int]
) -> None:
    sent = event("ann", film_nos[0])
    with engine.begin() as connection:
        assert delete(connection, sent.event_id) is None
        assert count(connection, "event_deletions") == 0
        assert record(connection, [sent])[0] == 1


def test_of_two_who_delete_an_event_at_once_one_does(engine: Engine, sent: NewEvent) -> None:
    with engine.connect() as first:
        assert delete(first, sent.event_id).is_new
        with waiting(engine, lambda second: delete(second, sent.event_id)) as late:
            first.commit()
    assert not late.result().is_new


def test_a_deletion_that_is_rolled_back_leaves_the_event(engine: Engine, sent: NewEvent) -> None:
    with engine.connect() as connection:
        delete(connection, sent.event_id)
        connection.rollback()
        assert count(connection, "interactions") == 1
        assert delete(connection, sent.event_id).is_new


def test_whose_event_was_deleted_is_found_among_those_with_something_new(
    engine: Engine, film_nos: list[int], sent: NewEvent
) -> None:
    with engine.begin() as connection:
        record(connection, [event("bob", film_nos[1])])
        ann = user_no_of(connection, "ann")
    with engine.connect() as connection:
        before = event_horizon(connection)
        delete(connection, sent.event_id)
        connection.commit()
        after = event_horizon(connection)
        assert find_stale_users(connection, RunId(1), after=before, until=after) == [ann]


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    deleting=st.lists(st.booleans(), min_size=5, max_size=5),
    order=st.permutations(list(range(5))),
    committed=st.lists(st.booleans(), min_size=5, max_size=5),
)
def test_whatever_the_order_of_commits_a_reader_at_the_horizon_misses_no_deletion(
    engine: Engine,
    film_nos: list[int],
    deleting: list[bool],
    order: list[int],
    committed: list[bool],
) -> None:
    there = [event(f"user-{n}", film_nos[n]) for n in range(5)]
    with engine.begin() as connection:
        record(connection, there)
    with engine.connect() as connection:
        start = event_horizon(connection)
    seen: list[int] = []
    writers = [engine.connect() for _ in order]
    with engine.connect() as reader:
        for index, writer in enumerate(writers):
            if deleting[index]:
                delete(writer, there[index].event_id)
            else:
                record(writer, [event(f"user-{index}", film_nos[index])])
        for index in order:
            writers[index].commit() if committed[index] else writers[index].rollback()
            horizon = event_horizon(reader)
            seen.extend(p for p in changes(reader) if max([start, *seen]) < p <= horizon)
            reader.commit()
        everything = [p for p in changes(reader) if p > start]
    for writer in writers:
        writer.close()
    assert seen == everything
    assert len(seen) == sum(committed)


def test_analysts_see_how_many_were_removed_and_not_who(
    engine: Engine, film_nos: list[int], sent: NewEvent
) -> None:
    with engine.begin() as connection:
        record(connection, [event("bob", film_nos[0])])
        delete(connection, sent.event_id)
        forget(connection, "bob")
        connection.execute(text("set local role analyst"))
        row = connection.execute(text("select * from analytics.removals_daily")).one()
        assert (row.deleted_events, row.forgotten_users) == (1, 1)
        with pytest.raises(Exception, match="permission denied"):
            connection.execute(text("select * from public.forgotten_users"))
