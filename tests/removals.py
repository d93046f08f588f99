"""Deleting events and forgetting users by the store's functions, for tests."""

import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, text

from sql.statements import statements
from tests.waiting import statements_waiting, wait_until

Answer = TypeVar("Answer")


def delete(connection: Connection, event_id: uuid.UUID) -> Any:
    """Delete an event; the row that is answered, or None."""
    statement = statements("serving")["delete_event"]
    return connection.execute(statement, {"event_id": event_id}).one_or_none()


def forget(connection: Connection, user_id: str) -> Any:
    """Forget a user; the row that is answered."""
    parameters = {"user_id": user_id, "actor": "a test", "act": "forget user", "request_id": None}
    return connection.execute(statements("serving")["forget_user"], parameters).one()


def count(connection: Connection, table: str) -> int:
    """How many rows a table has."""
    return int(connection.execute(text(f"select count(*) from {table}")).scalar_one())


@contextmanager
def waiting(
    engine: Engine, act: Callable[[Connection], Answer], *, waiters: int = 1
) -> Iterator[Future[Answer]]:
    """Act in a transaction of its own that has to wait for another's lock; it commits at last.

    Inside the block it waits; after the block it is over, and the future has the answer.
    """

    def transaction() -> Answer:
        with engine.begin() as connection:
            return act(connection)

    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(transaction)
        wait_until(lambda: future.done() or statements_waiting(engine) >= waiters)
        assert not future.done(), "it did not have to wait"
        yield future


def rows_of_user(connection: Connection, user_no: int) -> dict[str, int]:
    """How many rows every table with a column for users' numbers holds; no table that has none."""
    query = text(
        "select relname from pg_attribute join pg_class on pg_class.oid = attrelid"
        " where attname = 'user_no' and relkind in ('r', 'p') and not relispartition"
        " and relnamespace = 'public'::regnamespace"
    )
    tables = connection.execute(query).scalars().all()
    count = "select count(*) from {} where user_no = :user_no"
    counts = {
        table: connection.execute(text(count.format(table)), {"user_no": user_no}).scalar_one()
        for table in tables
    }
    return {table: rows for table, rows in counts.items() if rows}
