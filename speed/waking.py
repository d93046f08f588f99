"""Wake-ups: serving says in Redis that events were committed."""

import threading

import redis
import structlog

from domain.redis_keys import WAKE_CHANNEL

log = structlog.get_logger()


class Waker:
    """Waits for a wake-up, for a while at the most: a lost one costs latency, never data."""

    def __init__(self, client: redis.Redis, stopping: threading.Event) -> None:
        self._client = client
        self._stopping = stopping
        self._subscription: redis.client.PubSub | None = None

    def wait(self, seconds: float) -> None:
        """Return on a wake-up, when the worker is to stop, or after `seconds`."""
        try:
            if self._subscription is None:
                self._subscription = self._subscribe()
            message = self._subscription.get_message(timeout=seconds)
            while message is not None:  # one pass serves all the wake-ups that came meanwhile
                message = self._subscription.get_message(timeout=0)
        except redis.RedisError:
            self._subscription = None
            self._stopping.wait(seconds)

    def _subscribe(self) -> redis.client.PubSub:
        subscription: redis.client.PubSub = self._client.pubsub(  # type: ignore[no-untyped-call]
            ignore_subscribe_messages=True
        )
        subscription.subscribe(WAKE_CHANNEL)
        return subscription
