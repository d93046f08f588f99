"""Whoever makes a user while another call merges one of that id writes for the other user."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from sqlalchemy import Connection, Engine, Row, func, select, text

from tests.events import event, record
from tests.waiting import statements_waiting, wait_until


def merge(connection: Connection, from_id: str, into_id: str) -> Row[Any]:
    merged = func.merge_users(from_id, into_id)
    return connection.execute(select(text("*")).select_from(merged)).one()


def while_ann_is_merged_into_bob(engine: Engine, work: Callable[[Connection], Any]) -> Any:
    """What is answered by work that begins before a merge of users nobody knew is committed."""
    with engine.connect() as early, ThreadPoolExecutor(1) as thread:
        merge(early, "ann", "bob")

        def second() -> Any:
            with engine.begin() as late:
                return work(late)

        waiting = thread.submit(second)
        wait_until(lambda: statements_waiting(engine))
        early.commit()
        return waiting.result()


def users(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        query = text("select user_id from users where user_no > 0 order by user_id")
        return list(connection.execute(query).scalars())


def test_an_event_of_who_is_merged_before_it_is_stored_is_the_other_users(
    engine: Engine, film_nos: list[int]
) -> None:
    of_ann = [event("ann", film_nos[0])]
    accepted, _, _ = while_ann_is_merged_into_bob(engine, lambda late: record(late, of_ann))
    assert (accepted, users(engine)) == (1, ["bob"])
    with engine.connect() as connection:
        query = text("select user_id from interactions join users using (user_no)")
        assert connection.execute(query).scalars().all() == ["bob"]


def test_who_is_merged_into_a_user_that_another_call_merges_leaves_no_user_of_that_id(
    engine: Engine,
) -> None:
    answer = while_ann_is_merged_into_bob(engine, lambda late: merge(late, "visitor", "ann"))
    assert (answer.outcome, answer.other_id) == ("gone", "bob")
    assert "ann" not in users(engine)
