"""Waiting for a condition, never for a time."""

import time
from collections.abc import Callable

from sqlalchemy import Engine, text

_SHORTEST_SECONDS, _LONGEST_SECONDS = 0.01, 1.0


def wait_until(condition: Callable[[], object], *, seconds: float = 20.0) -> None:
    """Return as soon as the condition holds; fail if it does not in a generous time.

    What takes long is asked less and less often: questions cost those who work for the answer.
    """
    began_at = asked_at = time.monotonic()
    while not condition():
        waited = time.monotonic() - began_at
        assert waited < seconds, "the condition never held"
        time.sleep(min(max(pause_seconds(asked_at), waited / 10), _LONGEST_SECONDS))
        asked_at = time.monotonic()


def pause_seconds(asked_at: float) -> float:
    """How long to wait after a question that was asked then, so that what is waited for has time.

    Who asks at once again, with a request or a program, takes the time that the answer needs.
    """
    return min(max(_SHORTEST_SECONDS, 2 * (time.monotonic() - asked_at)), _LONGEST_SECONDS)


def statements_waiting(engine: Engine, asking: str = "") -> int:
    """How many statements with such a text wait for somebody's lock, in the test's database."""
    query = text(
        "select count(*) from pg_stat_activity where wait_event_type = 'Lock'"
        " and datname = current_database() and strpos(query, :asking) > 0"
    )
    with engine.connect() as connection:
        return int(connection.execute(query, {"asking": asking}).scalar_one())
