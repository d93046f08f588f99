"""Whom a process remembers from its start."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Engine, event, text

from tests.events import event as view
from tests.events import record
from tests.serving.conftest import Start


@pytest.fixture
def user_nos(engine: Engine, film_nos: list[int]) -> list[int]:
    """The numbers of five hundred users, who came last first."""
    with engine.begin() as connection:
        record(connection, [view(f"user-{n}", film_nos[n % 30]) for n in range(500)])
        query = text("select user_no from interactions order by position desc")
        return list(connection.execute(query).scalars())


@contextmanager
def exclusions_asked_for() -> Iterator[list[int]]:
    """The users whose exclusions are read in the block by any process, in their order."""
    asked = list[int]()

    def note(*call: Any) -> None:
        parameters = call[3]
        if isinstance(parameters, dict) and "user_nos" in parameters:
            asked.extend(parameters["user_nos"])

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield asked
    finally:
        event.remove(Engine, "before_cursor_execute", note)


async def test_a_process_that_starts_reads_of_each_user_once_and_of_those_who_came_last_first(
    start: Start, user_nos: list[int]
) -> None:
    with exclusions_asked_for() as asked:
        await start()
    assert asked == user_nos


async def test_a_process_hears_what_others_record_before_its_first_answer(
    start: Start, engine: Engine
) -> None:
    await start()
    query = (
        "select count(*) from pg_stat_activity"
        " where application_name = 'tandem-follower' and datname = current_database()"
    )
    with engine.connect() as connection:
        assert connection.execute(text(query)).scalar_one() == 1
