"""A speed worker that runs in a thread, as it runs in a process of its own."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import redis
from sqlalchemy import Engine

from domain.redis_keys import WAKE_CHANNEL
from speed.settings import SpeedSettings
from speed.worker import Worker


@contextmanager
def running(
    engine: Engine, redis_url: str, settings: SpeedSettings, stopping: threading.Event
) -> Iterator[redis.Redis]:
    """The worker runs until the block ends; gives its Redis client."""
    client = redis.Redis.from_url(redis_url, socket_timeout=1)
    worker = Worker(engine, client, settings, stopping)
    thread = threading.Thread(target=worker.run)
    thread.start()
    try:
        yield client
    finally:
        stopping.set()
        client.publish(WAKE_CHANNEL, "stop")
        thread.join(timeout=10)
    assert not thread.is_alive()
