"""A speed worker that runs in a thread, or in a process of its own."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import redis
from sqlalchemy import Engine

from speed.background import in_background
from speed.exclusions import KeptExclusions
from speed.settings import SpeedSettings
from speed.waking import Wakes, keep_listening, wake_on_changes
from speed.worker import Worker


@contextmanager
def running(
    engine: Engine,
    redis_url: str,
    settings: SpeedSettings,
    stopping: threading.Event,
    database_url: str | None = None,
) -> Iterator[redis.Redis]:
    """The worker runs until the block ends; gives its Redis client.

    With a `database_url` PostgreSQL's notifications wake it too.
    """
    client, wakes = redis.Redis.from_url(redis_url, socket_timeout=1), Wakes()
    worker = Worker(engine, client, settings, stopping, wakes)
    exclusions = KeptExclusions(engine, client, seconds=settings.exclusion_cache_seconds)
    threads = [
        threading.Thread(target=worker.run),
        threading.Thread(target=exclusions.run, args=(stopping,)),
    ]
    in_background("redis_wakes", partial(keep_listening, client, wakes, stopping), stopping)
    if database_url is not None:
        in_background("changes", partial(wake_on_changes, database_url, wakes, stopping), stopping)
    for thread in threads:
        thread.start()
    try:
        yield client
    finally:
        stopping.set()
        wakes.wake()
        for thread in threads:
            thread.join(timeout=10)
    assert not any(thread.is_alive() for thread in threads)


def start_process(database_url: str, redis_url: str, **settings: object) -> subprocess.Popen[bytes]:
    """A worker as it runs for good; `settings` are those of the layer, in capitals."""
    own = {f"TANDEM_SPEED_{name.upper()}": str(value) for name, value in settings.items()}
    environment = os.environ | {"DATABASE_URL": database_url, "REDIS_URL": redis_url} | own
    return subprocess.Popen([sys.executable, "-m", "speed"], env=environment)
