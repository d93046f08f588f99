"""Entry point: `python -m speed`."""

import signal
import sys
import threading
from functools import partial

import redis
import structlog
from prometheus_client import REGISTRY, start_http_server
from sqlalchemy import Engine

from speed.background import in_background
from speed.exclusions import KeptExclusions
from speed.popular import keep_popular_fresh
from speed.readiness import notify_ready
from speed.settings import RedisSettings, SpeedSettings
from speed.store_figures import StoreFigures
from speed.waking import Wakes, keep_listening, wake_on_changes
from speed.worker import Worker
from sql.engine import SPEED_WORKER, make_engine
from sql.environment import refuse_unknown_variables
from sql.settings import PooledDatabaseSettings

_REDIS_TIMEOUT_SECONDS = 0.5
_PING_SECONDS = 1.0
"""A connection that has rested for longer is tried before it is used."""


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
    addresses = PooledDatabaseSettings()
    database_url = addresses.database_url.get_secret_value()
    connect = partial(
        make_engine,
        addresses.transactions_url,
        application_name=SPEED_WORKER,
        pooled=addresses.is_pooled,
        pool_size=1,
        ping_after_seconds=_PING_SECONDS,
    )
    engine = connect(max_overflow=1)
    client = redis.Redis.from_url(
        RedisSettings().redis_url.get_secret_value(),
        socket_timeout=_REDIS_TIMEOUT_SECONDS,
        socket_connect_timeout=_REDIS_TIMEOUT_SECONDS,
    )
    if settings.metrics_port is not None:
        _show_figures(settings.metrics_port, settings.metrics_host, connect(max_overflow=0))
    stopping, wakes = threading.Event(), Wakes()

    def stop(*_: object) -> None:
        stopping.set()
        wakes.wake()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    in_background("redis_wakes", partial(keep_listening, client, wakes, stopping), stopping)
    in_background("changes", partial(wake_on_changes, database_url, wakes, stopping), stopping)
    keep_popular_fresh(connect(max_overflow=0), settings, stopping)
    seconds = settings.exclusion_cache_seconds
    exclusions = KeptExclusions(connect(max_overflow=0), client, seconds=seconds)
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
