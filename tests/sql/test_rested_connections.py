"""A connection that has rested is tried before it is used; one that was just used is not."""

from collections.abc import Callable

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from sql.engine import make_engine

_BACKEND = text("select pg_backend_pid()")


def backend_of(engine: Engine) -> int:
    with engine.connect() as connection:
        return int(connection.execute(_BACKEND).scalar_one())


@pytest.fixture
def end(engine: Engine) -> Callable[[int], None]:
    def _end(pid: int) -> None:
        with engine.connect() as connection:
            connection.execute(text("select pg_terminate_backend(:pid, 5000)"), {"pid": pid})

    return _end


def test_a_rested_connection_that_is_dead_is_replaced(
    database_url: str, end: Callable[[int], None]
) -> None:
    own = make_engine(database_url, pool_size=1, max_overflow=0, ping_after_seconds=0.0)
    first = backend_of(own)
    assert backend_of(own) == first
    end(first)
    second = backend_of(own)
    assert second != first
    assert backend_of(own) == second
    own.dispose()


def test_one_that_was_used_a_moment_ago_is_not_tried(
    database_url: str, end: Callable[[int], None]
) -> None:
    own = make_engine(database_url, pool_size=1, max_overflow=0, ping_after_seconds=3600.0)
    first = backend_of(own)
    end(first)
    with pytest.raises(DBAPIError) as raised:
        backend_of(own)
    assert raised.value.connection_invalidated
    assert backend_of(own) != first
    own.dispose()
