"""Judging that PostgreSQL or Redis cannot be used, and why. Pure."""

from dataclasses import dataclass, replace
from datetime import datetime

from serving.diagnosis.finding import Finding

_NO_RESTART = "Nothing here needs a restart then."


def postgres_away(detail: str = "", since: datetime | None = None) -> Finding:
    """The database cannot be reached."""
    return Finding(
        "postgres",
        "problem",
        f"PostgreSQL is away{detail and f': {detail}'}. Events are refused, and lists come from"
        " memory.",
        since,
        f"Start it, or see why it does not answer: its log says. {_NO_RESTART}",
    )


def postgres_unasked(reason: str, detail: str = "", since: datetime | None = None) -> Finding:
    """The process could not ask the database, for a reason of StoreUnavailableError."""
    known = _UNASKED.get(reason)
    return replace(known, since=since) if known else postgres_away(detail, since)


def _unasked(what: str, advice: str) -> Finding:
    return Finding("postgres", "problem", what, advice=advice)


_UNASKED = {
    "open": _unasked(
        "This API process leaves PostgreSQL alone: it failed or was too slow too often. Events are"
        " refused, and lists come from memory.",
        "See that it runs and answers quickly: its log says. It is tried all the time, and asked"
        " again as soon as it answers within TANDEM_REQUEST_BUDGET_SECONDS.",
    ),
    "timeout": _unasked(
        "PostgreSQL is too slow: it did not answer within two seconds.",
        "See in pg_stat_activity what it is busy with or waits for, and whether its machine is.",
    ),
    "busy": _unasked(
        "PostgreSQL could not be asked: this API process has all its connections for work beside"
        " the requests in use.",
        "Look again. If it stays so, PostgreSQL is too slow, or"
        " TANDEM_POSTGRES_BACKGROUND_CONNECTIONS is too low.",
    ),
    "stalled": _unasked(
        "This API process was held up for seconds and could not ask PostgreSQL.",
        "Its machine has too little to give: look for who uses its processors or memory, or start"
        " more API processes.",
    ),
    "damaged": _unasked(
        "PostgreSQL cannot read its own files for what a diagnosis asks.",
        "See its log for the name of the table or index. Restore the database from a backup if it"
        " is a table; rebuild an index with REINDEX.",
    ),
    "statement": _unasked(
        "PostgreSQL refuses what a diagnosis asks.",
        "See its log: the role of DATABASE_URL may lack a right, or the database be of another"
        " version.",
    ),
}


@dataclass(frozen=True, slots=True)
class RedisFigures:
    """How it stands with Redis in one process."""

    answers: bool
    fault: str = ""
    """Why it does not, if that is known."""
    away_since: datetime | None = None
    left_alone_since: datetime | None = None
    """It failed or was late so often that it is asked less or not at all; None: it is asked."""
    refusal: str | None = None
    """What it said when it lately refused a command; None: it did not."""
    refusing_since: datetime | None = None


def judge_redis(redis: RedisFigures) -> Finding:
    """Redis is away, refuses to work, is left alone, or is well."""
    if not redis.answers:
        return _redis_away(redis)
    if redis.refusal is not None:
        return Finding(
            "redis",
            "problem",
            f"Redis answers but refuses to work: {redis.refusal}. Lists that cannot be cached come"
            " from PostgreSQL, which takes longer; nothing is lost.",
            redis.refusing_since,
            "If it is full, give it more memory or the policy volatile-ttl. If it may only be read,"
            " REDIS_URL leads to a replica. If it cannot write to its disk: nothing needs that, so"
            " CONFIG SET save ''.",
        )
    if redis.left_alone_since is not None:
        return Finding(
            "redis",
            "problem",
            "Redis answers, but failed or was too slow so often that this API process leaves it"
            " alone. Lists come from PostgreSQL, which takes longer.",
            redis.left_alone_since,
            "See what slows it or its machine down: redis-cli --latency. It is tried all the time"
            " and used again when it answers within TANDEM_REDIS_TIMEOUT_SECONDS.",
        )
    return Finding("redis", "ok", "Redis answers.")


def _redis_away(redis: RedisFigures) -> Finding:
    return Finding(
        "redis",
        "problem",
        f"Redis is away{redis.fault and f': {redis.fault}'}. Lists come from PostgreSQL, which"
        " takes longer; nothing is lost.",
        redis.away_since,
        f"Start it, or see why it does not answer. {_NO_RESTART}",
    )
