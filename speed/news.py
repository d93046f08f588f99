"""Waking the worker at a switch and at news of items; it would look by itself a little later."""

import threading
from contextlib import suppress

import redis

from domain.redis_keys import WAKE_CHANNEL
from sql.engine import AWAY_ERRORS
from sql.listening import listen_blocking

_REST_SECONDS = 1.0


def wake_at_news(database_url: str, client: redis.Redis, stopping: threading.Event) -> None:
    """Make every switch and all news of items a wake-up, in a thread that ends with the process."""

    def follow() -> None:
        while not stopping.is_set():
            with suppress(*AWAY_ERRORS):
                for _ in listen_blocking(database_url):
                    with suppress(redis.RedisError):
                        client.publish(WAKE_CHANNEL, "news")
            stopping.wait(_REST_SECONDS)

    threading.Thread(target=follow, name="news", daemon=True).start()
