"""Statements of a running app that have to wait for a lock of the test's."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, text

from tests.serving.conftest import until
from tests.waiting import statements_waiting

READ_APART = {"filter": 'not category = "of no film"'}
"""Has the user read by one statement and the nearest items by the next, which waits."""


@contextmanager
def vectors_locked(engine: Engine) -> Iterator[Connection]:
    """Whoever looks for candidates has to wait."""
    with engine.connect() as connection:
        connection.execute(text("lock table item_embeddings in access exclusive mode"))
        yield connection
        connection.rollback()


async def waiting(engine: Engine, count: int) -> None:
    """Return when so many statements wait for a lock."""

    async def reached() -> bool:
        return statements_waiting(engine) >= count

    await until(reached)
