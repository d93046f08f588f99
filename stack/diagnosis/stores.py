"""Asking PostgreSQL and Redis from the command line."""

from datetime import UTC, datetime

import redis
from sqlalchemy.exc import SQLAlchemyError

from serving.diagnosis.diagnosis_figures import load_figures
from serving.diagnosis.finding import Bounds, Finding
from serving.diagnosis.process import RedisFigures, judge_redis, postgres_away
from serving.diagnosis.store import judge_store
from stack.database import connected
from stack.error_messages import first_line

_REDIS_SECONDS = 2.0


def check_postgres(database_url: str, bounds: Bounds) -> list[Finding]:
    """What the database answers; that it is away is a finding too."""
    try:
        with connected(database_url) as connection:
            figures = load_figures(connection)
    except SQLAlchemyError as error:
        return [postgres_away(first_line(getattr(error, "orig", None) or error))]
    return judge_store(figures, bounds, datetime.now(UTC))


def check_redis(redis_url: str) -> list[Finding]:
    """Whether Redis answers."""
    client = redis.Redis.from_url(
        redis_url, socket_timeout=_REDIS_SECONDS, socket_connect_timeout=_REDIS_SECONDS
    )
    try:
        with client:
            client.ping()
    except redis.RedisError as error:
        return [judge_redis(RedisFigures(answers=False, fault=first_line(error)))]
    return [judge_redis(RedisFigures(answers=True))]
