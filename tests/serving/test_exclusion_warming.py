"""Whose exclusions a process has cached from its start."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from typing import Any

import pytest
from sqlalchemy import Engine, text

from tests.events import event as view
from tests.events import record
from tests.serving.conftest import Start, until
from tests.statements import noticed


@pytest.fixture
def user_nos(engine: Engine, film_nos: list[int]) -> list[int]:
    """The numbers of five hundred users, who came last first."""
    with engine.begin() as connection:
        record(connection, [view(f"user-{n}", film_nos[n % 30]) for n in range(500)])
        query = text("select user_no from interactions order by position desc")
        return list(connection.execute(query).scalars())


@contextmanager
def asked_for(name: str) -> Iterator[list[Any]]:
    """What this parameter of statements is in the block, in any process and in their order."""
    asked = list[Any]()

    def note(_statement: str, parameters: Any) -> None:
        if isinstance(parameters, dict) and name in parameters:
            asked.append(parameters[name])

    with noticed(note):
        yield asked


async def test_a_process_that_starts_reads_of_each_user_once_and_of_those_who_came_last_first(
    start: Start, user_nos: list[int]
) -> None:
    with asked_for("user_nos") as batches:
        await start(exclusion_cache_poll_seconds=0.01)

        async def all_read() -> bool:
            return sum(map(len, batches)) >= len(user_nos)

        await until(all_read)
    assert list(chain(*batches)) == user_nos


async def test_what_a_process_reads_before_it_is_subscribed_is_little_however_many_it_caches(
    start: Start, user_nos: list[int]
) -> None:
    with asked_for("users") as asked:
        await start(exclusion_cache_recent_users=5000)
    assert asked == [200, 5000]


async def test_a_process_hears_what_others_record_before_its_first_answer(
    start: Start, engine: Engine
) -> None:
    await start()
    query = (
        "select query from pg_stat_activity"
        " where application_name = 'tandem-follower' and datname = current_database()"
    )
    with engine.connect() as connection:
        # The last of all it listens to, exclusions among them.
        assert "tandem_placements" in connection.execute(text(query)).scalar_one()
