"""Judging what one API process knows: of itself, and that PostgreSQL or Redis is away. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from serving.answering.impressions import Dropped
from serving.answering.replica_reading import ReplicaFigures
from serving.diagnosis.finding import Bounds, Finding, format_count, format_duration
from serving.runs.vector_indexes import Damage
from serving.runtime.background import FailingWork

_NO_RESTART = "Nothing here needs a restart then."

REBUILD = (
    "Rebuild it with `tandem repair index`, while all goes on; the next night makes another as"
    " well."
)
_LATELY = timedelta(minutes=10)


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


def judge_dropped(dropped: Dropped, now: datetime) -> Finding:
    """Something needs doing if impressions were lost lately."""
    if dropped.last_at is None:
        return Finding("impressions", "ok", "No impression was lost.")
    amount = format_count(dropped.impressions, "impression")
    ago = now - dropped.last_at
    why = "the queue was full, or PostgreSQL away"
    if dropped.refused:
        why = f"{why}; {dropped.refused:,} the database refused, see impression_refused in the log"
    return Finding(
        "impressions",
        "problem" if ago < _LATELY else "notice",
        f"{amount} could not be written and {'is' if dropped.impressions == 1 else 'are'} lost, the"
        f" last {format_duration(ago)} ago: {why}.",
        dropped.last_at,
        "If PostgreSQL was not away, raise TANDEM_IMPRESSION_QUEUE or start more API processes.",
    )


def judge_background(failing: Sequence[FailingWork]) -> Finding:
    """Something needs doing if work beside the requests fails though the stores are there."""
    if not failing:
        return Finding("background", "ok", "The work beside the requests goes well.")
    works = "; ".join(
        f"{work.work} (the last {format_count(work.times, 'time')}: {work.error})"
        for work in failing
    )
    return Finding(
        "background",
        "problem",
        f"Work beside the requests fails in this API process: {works}.",
        min(work.since for work in failing),
        "It is tried again all the time. The log has the traceback: background_work_failed. It is"
        " most likely a defect of Tandem, or the database is of another version: tell its makers.",
    )


def judge_damages(damages: Sequence[Damage]) -> Finding:
    """Something needs doing if an index of the run being served cannot be read."""
    if not damages:
        return Finding("index-damage", "ok", "No vector index was found to be damaged.")
    return Finding(
        "index-damage",
        "problem",
        f"PostgreSQL cannot read a vector index of the run being served: {damages[0].error}."
        " Searches compare every item; where that takes too long they go by words only, and"
        " recommendations by the nightly list. Such answers say vector_index.",
        min(damage.since for damage in damages),
        f"{REBUILD} See why: a disk may be failing.",
    )


def judge_subscription(
    disconnected_seconds: float | None, bounds: Bounds, now: datetime
) -> Finding:
    """`disconnected_seconds`: since the subscription was lost; None: it stands."""
    disconnected = timedelta(seconds=disconnected_seconds or 0.0)
    if disconnected <= bounds.longest_wait:
        return Finding(
            "subscription", "ok", "This process is subscribed to PostgreSQL's notifications."
        )
    return Finding(
        "subscription",
        "problem",
        "This API process is not subscribed to PostgreSQL's notifications: it notices a new run"
        " about a second late, and while Redis is away its answers take longer.",
        now - disconnected,
        "DATABASE_URL must allow LISTEN: no pooler that changes servers between statements. The"
        " log says why: subscription_lost.",
    )


def judge_replica(figures: ReplicaFigures | None, bounds: Bounds, now: datetime) -> list[Finding]:
    """One finding about the read replica; none if there is no replica."""
    if figures is None:
        return []
    if figures.fault is not None:
        faulty = timedelta(seconds=figures.seconds_faulty or 0.0)
        return [_replica_unused(f"cannot be used: {figures.fault}", now - faulty)]
    if figures.lag_seconds is None:
        return [_replica_unused("has not caught up since it answers", None)]
    lag = timedelta(seconds=figures.lag_seconds)
    if lag > bounds.longest_lag:
        lag_text = f"lags {format_duration(lag)}, more than {format_duration(bounds.longest_lag)}"
        return [_replica_unused(lag_text, now - lag)]
    return [Finding("replica", "ok", f"The read replica lags {figures.lag_seconds:.1f} seconds.")]


def _replica_unused(why: str, since: datetime | None) -> Finding:
    return Finding(
        "replica",
        "problem",
        f"The read replica {why}. Everything is read from the primary.",
        since,
        "See that it runs and follows the primary: pg_stat_wal_receiver there, pg_stat_replication"
        " on the primary. It is read again by itself.",
    )
