"""Entry point: `python -m speed`."""

import logging
import signal
import sys
import threading
from functools import partial

from prometheus_client import REGISTRY, start_http_server
from sqlalchemy import Engine

from sql.engine import SPEED_WORKER, make_engine
from sql.environment import refuse_unknown_variables
from sql.optional_libraries import not_installed
from sql.settings import PooledDatabaseSettings

# structlog would load rich to write for people, and redis OpenTelemetry for figures of its own.
with not_installed("rich", "opentelemetry"):
    import redis
    import structlog

    from speed.background import in_background
    from speed.exclusions import KeptExclusions
    from speed.popular import keep_popular_fresh
    from speed.readiness import notify_ready
    from speed.recent_transitions import learn_transitions
    from speed.settings import RedisSettings, SpeedSettings
    from speed.store_figures import StoreFigures
    from speed.waking import Wakes, keep_listening, wake_on_changes
    from speed.worker import Worker

_REDIS_TIMEOUT_SECONDS = 0.5
_PING_SECONDS = 1.0
"""A connection that has rested for longer is tried before it is used."""
_SWITCH_SECONDS = 0.0005
"""A thread that computes lets another go on after so long.

A pass waits for an answer of PostgreSQL eight times. By then the thread of exclusions may be at
work, which CPython would leave to it for 5 ms each time.
"""


def main() -> None:
    """Run one worker until SIGTERM or SIGINT."""
    refuse_unknown_variables()
    settings = SpeedSettings()
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(settings.log_level),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    # It warns of each connection that ended in a pipeline; what ended it is logged by who asked.
    logging.getLogger("psycopg").setLevel(logging.ERROR)
    sys.setswitchinterval(_SWITCH_SECONDS)
    addresses = PooledDatabaseSettings()
    database_url = addresses.database_url.get_secret_value()
    connect = partial(
        make_engine,
        addresses.transactions_url,
        application_name=SPEED_WORKER,
        pooled=addresses.is_pooled,
        pool_size=1,
        max_overflow=0,
        ping_after_seconds=_PING_SECONDS,
    )
    engine = connect()
    client = redis.Redis.from_url(
        RedisSettings().redis_url.get_secret_value(),
        socket_timeout=_REDIS_TIMEOUT_SECONDS,
        socket_connect_timeout=_REDIS_TIMEOUT_SECONDS,
    )
    if settings.metrics_port is not None:
        _show_figures(settings.metrics_port, settings.metrics_host, connect())
    stopping, wakes = threading.Event(), Wakes()

    def stop(*_: object) -> None:
        stopping.set()
        wakes.wake()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    in_background("redis_wakes", partial(keep_listening, client, wakes, stopping), stopping)
    in_background("changes", partial(wake_on_changes, database_url, wakes, stopping), stopping)
    # Both can wait for each other, however long one takes, and a connection takes memory.
    refreshing = connect(pool_timeout=None)
    keep_popular_fresh(refreshing, settings, stopping)
    learn_transitions(refreshing, settings, stopping)
    seconds = settings.exclusion_cache_seconds
    exclusions = KeptExclusions(connect(), client, seconds=seconds)
    in_background("exclusions", partial(exclusions.run, stopping), stopping)
    log = structlog.get_logger()
    log.info("speed_worker_started")
    try:
        Worker(engine, client, settings, stopping, wakes, ready=notify_ready).run()
    except Exception:
        # Whoever started it starts it again; the log is to say why, in its own form.
        log.exception("speed_worker_failed")
        sys.exit(1)


def _show_figures(port: int, host: str, engine: Engine) -> None:
    """Answer Prometheus, on a connection that is opened when it first asks."""
    REGISTRY.register(StoreFigures(engine))
    start_http_server(port, addr=host)


if __name__ == "__main__":
    main()
