"""Statements that are asked together answer, and fail, as each would alone."""

from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from sql.engine import make_engine, reason_of
from sql.pipelining import Question, ask, ask_together
from tests.statements import noticed
from tests.waiting import wait_until

_ADD = text("insert into users (user_id) values (:user_id) returning user_no")
_COUNT = text("select count(*) as users from users where user_id = :user_id")
_DIVIDE = text("select 1 / cast(:number as integer) as number")
_SLEEP = text("select cast(pg_sleep(60) as text) as slept")


def test_each_answers_its_own_rows_and_sees_what_stands_before_it(engine: Engine) -> None:
    ann = {"user_id": "ann"}
    with engine.begin() as connection:
        before, added, after, none = ask_together(
            connection,
            Question(_COUNT, ann),
            Question(_ADD, ann),
            Question(_COUNT, ann),
            Question(text("select 1 as one where false")),
        )
    assert [before[0].users, after[0].users] == [0, 1]
    assert [len(added), len(none)] == [1, 0]
    with engine.connect() as connection:
        assert connection.execute(_COUNT, ann).scalar_one() == 1


def test_they_are_of_the_transaction_that_is_under_way(engine: Engine) -> None:
    ann = {"user_id": "ann"}
    with engine.connect() as connection:
        ask_together(connection, Question(_ADD, ann))
        connection.rollback()
        assert connection.execute(_COUNT, ann).scalar_one() == 0


@pytest.mark.parametrize("place", [0, 1, 2])
def test_one_at_fault_is_reported_wherever_it_stands_and_the_connection_can_be_used_again(
    engine: Engine, place: int
) -> None:
    questions = [Question(_COUNT, {"user_id": "ann"}) for _ in range(2)]
    questions.insert(place, Question(_DIVIDE, {"number": 0}))
    with engine.connect() as connection:
        with pytest.raises(DBAPIError) as raised:
            ask_together(connection, *questions)
        assert reason_of(raised.value) == "statement"
        connection.rollback()
        assert connection.execute(_COUNT, {"user_id": "ann"}).scalar_one() == 0


@pytest.mark.parametrize("place", [0, 1])
def test_one_that_takes_too_long_is_reported_as_late(engine: Engine, place: int) -> None:
    questions = [Question(_COUNT, {"user_id": "ann"})]
    questions.insert(place, Question(_SLEEP))
    with engine.connect() as connection:
        connection.execute(text("set local statement_timeout = '50ms'"))
        with pytest.raises(DBAPIError) as raised:
            ask_together(connection, *questions)
        assert reason_of(raised.value) == "timeout"


def test_a_connection_that_was_ended_is_given_up_and_another_is_opened(
    engine: Engine, database_url: str
) -> None:
    own = make_engine(database_url, pool_size=1, max_overflow=0)
    backend = text("select pg_backend_pid() as pid")
    with own.connect() as connection:
        first = connection.execute(backend).scalar_one()
        with engine.connect() as other:
            other.execute(text("select pg_terminate_backend(:pid, 5000)"), {"pid": first})
        with pytest.raises(DBAPIError) as raised:
            ask_together(connection, Question(backend), Question(backend))
        assert raised.value.connection_invalidated
        assert reason_of(raised.value) == "away"
        connection.rollback()
        assert connection.execute(backend).scalar_one() != first
    own.dispose()


def _runs(engine: Engine, pid: int) -> bool:
    found = text("select exists (select from pg_stat_activity where pid = :pid)")
    with engine.connect() as connection:
        return bool(connection.execute(found, {"pid": pid}).scalar_one())


def test_a_transaction_that_rested_too_long_is_an_outage_and_another_connection_is_opened(
    database_url: str, engine: Engine
) -> None:
    own = make_engine(database_url, pool_size=1, max_overflow=0)
    count = Question(_COUNT, {"user_id": "ann"})
    with own.connect() as connection:
        pid = connection.execute(text("select pg_backend_pid()")).scalar_one()
        connection.execute(text("set local idle_in_transaction_session_timeout = '20ms'"))
        wait_until(lambda: not _runs(engine, pid))
        with pytest.raises(DBAPIError) as raised:
            ask_together(connection, count, count)
        assert reason_of(raised.value) in {"away", "timeout"}
        assert raised.value.connection_invalidated
        connection.rollback()
        assert ask(connection, count)[0].users == 0
    own.dispose()


def test_a_test_that_notes_statements_notes_those_that_go_past_sqlalchemy(engine: Engine) -> None:
    noted = list[tuple[str, Any]]()
    ann, bob = ({"user_id": user} for user in ("ann", "bob"))
    with (
        noticed(lambda statement, values: noted.append((statement, values))),
        engine.connect() as connection,
    ):
        ask(connection, Question(_COUNT, ann))
        ask_together(connection, Question(_COUNT, bob), Question(_ADD, ann))
    counts = [(_COUNT.text, ann), (_COUNT.text, bob)]
    assert noted[-3:] == [*counts, (_ADD.text, ann)]
