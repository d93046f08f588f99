"""Wake-ups: serving says in Redis that events were committed, PostgreSQL notifies of the rest."""

import threading
from contextlib import suppress
from queue import Empty, SimpleQueue

import redis

from domain.redis_keys import WAKE_CHANNEL
from sql.engine import AWAY_ERRORS
from sql.listening import listen_blocking

_REST_SECONDS = 1.0
_POLL_SECONDS = 1.0
"""How often a listener sees whether it is to stop."""


class Wakes:
    """Wakes the worker of this process, from its other threads and from signal handlers."""

    def __init__(self) -> None:
        # The only queue of the standard library that a signal handler may put into.
        self._wakes: SimpleQueue[None] = SimpleQueue()

    def wake(self) -> None:
        """Let the worker look now, or at once again if it is looking."""
        self._wakes.put(None)

    def wait(self, seconds: float) -> None:
        """Return on a wake-up, or after `seconds`: a lost one costs latency, never data."""
        with suppress(Empty):
            self._wakes.get(timeout=seconds)
            while True:  # one pass serves all the wake-ups that came meanwhile
                self._wakes.get_nowait()


def wake_at_messages(client: redis.Redis, wakes: Wakes, stopping: threading.Event) -> None:
    """Wake the worker at every message of another process; redis.RedisError without Redis."""
    with client.pubsub(ignore_subscribe_messages=True) as subscription:  # type: ignore[no-untyped-call]
        subscription.subscribe(WAKE_CHANNEL)
        # What was published before is lost.
        wakes.wake()
        while not stopping.is_set():
            if subscription.get_message(timeout=_POLL_SECONDS) is not None:
                wakes.wake()


def wake_on_changes(database_url: str, wakes: Wakes, stopping: threading.Event) -> None:
    """Wake the worker at every promotion and all changes of items, with Redis or without."""
    while not stopping.is_set():
        with suppress(*AWAY_ERRORS):
            for _ in listen_blocking(database_url):
                wakes.wake()
                if stopping.is_set():
                    return
        stopping.wait(_REST_SECONDS)


def keep_listening(client: redis.Redis, wakes: Wakes, stopping: threading.Event) -> None:
    """Listen to Redis again and again, whenever it is there."""
    while not stopping.is_set():
        with suppress(redis.RedisError):
            wake_at_messages(client, wakes, stopping)
        stopping.wait(_REST_SECONDS)
