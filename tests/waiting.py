"""Waiting for a condition, never for a time."""

import time
from collections.abc import Callable

from sqlalchemy import Engine, text


def wait_until(condition: Callable[[], object], *, seconds: float = 20.0) -> None:
    """Return as soon as the condition holds; fail if it does not in a generous time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition never held"
        time.sleep(0.01)


def statements_waiting(engine: Engine, asking: str = "") -> int:
    """How many statements with such a text wait for somebody's lock, in the test's database."""
    query = text(
        "select count(*) from pg_stat_activity where wait_event_type = 'Lock'"
        " and datname = current_database() and strpos(query, :asking) > 0"
    )
    with engine.connect() as connection:
        return int(connection.execute(query, {"asking": asking}).scalar_one())
