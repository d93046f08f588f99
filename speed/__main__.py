"""Entry point: `python -m speed`."""

import signal
import sys
import threading

import redis
import structlog
from prometheus_client import start_http_server

from speed.news import wake_at_news
from speed.popular import keep_popular_fresh
from speed.readiness import tell_ready
from speed.settings import RedisSettings, SpeedSettings
from speed.worker import Worker
from sql.engine import SPEED_WORKER, make_engine
from sql.settings import DatabaseSettings

_REDIS_TIMEOUT_SECONDS = 0.5


def main() -> None:
    """Run one worker until SIGTERM or SIGINT."""
    settings = SpeedSettings()
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(settings.log_level),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    database_url = DatabaseSettings().database_url.get_secret_value()
    engine = make_engine(
        database_url,
        application_name=SPEED_WORKER,
        pool_size=1,
        max_overflow=1,
        pool_pre_ping=True,
    )
    client = redis.Redis.from_url(
        RedisSettings().redis_url,
        socket_timeout=_REDIS_TIMEOUT_SECONDS,
        socket_connect_timeout=_REDIS_TIMEOUT_SECONDS,
    )
    if settings.metrics_port is not None:
        start_http_server(settings.metrics_port, addr="127.0.0.1")
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    wake_at_news(database_url, client, stopping)
    keep_popular_fresh(database_url, settings, stopping)
    structlog.get_logger().info("speed_worker_started")
    Worker(engine, client, settings, stopping, ready=tell_ready).run()


if __name__ == "__main__":
    main()
