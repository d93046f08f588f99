"""The diagnosis of an API process: what it knows itself and what its stores say."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from domain.errors import StoreUnavailableError
from serving.answering.impressions import Dropped
from serving.answering.replica_reading import ReplicaFigures
from serving.diagnosis.diagnosis_figures import Diagnosis
from serving.diagnosis.finding import Bounds, Finding, is_well, worst_first
from serving.diagnosis.freshness import HOURS, judge_freshness
from serving.diagnosis.process import (
    RedisFigures,
    judge_background,
    judge_damages,
    judge_dropped,
    judge_redis,
    judge_replica,
    judge_subscription,
    postgres_unasked,
)
from serving.diagnosis.store import judge_store
from serving.exclusions.exclusion_cache import Subscription
from serving.freshness.measured_freshness import FreshnessReader
from serving.redis.redis_link import RedisLink
from serving.runs.vector_indexes import Damage
from serving.runtime.background import FailingWork


@dataclass(frozen=True, slots=True)
class Report:
    """What was found at one moment, the worst first."""

    looked_at: datetime
    findings: tuple[Finding, ...]

    @property
    def well(self) -> bool:
        """Whether nothing needs doing."""
        return is_well(self.findings)


@dataclass(eq=False, slots=True)
class Diagnoser:
    """Looks at everything a process can see; whatever is away is itself a finding."""

    diagnosis: Diagnosis
    redis: RedisLink
    subscription: Subscription
    bounds: Bounds
    dropped: Callable[[], Dropped]
    replica: Callable[[], ReplicaFigures | None]
    failing: Callable[[], Sequence[FailingWork]]
    damages: Callable[[], Sequence[Damage]]
    freshness: FreshnessReader

    async def diagnose(self) -> Report:
        """Look now; never raises because a store is away."""
        store = await self._check_store()
        redis = await self._check_redis()
        now = datetime.now(UTC)
        replica = judge_replica(self.replica(), self.bounds, now)
        dropped = judge_dropped(self.dropped(), now)
        own = [dropped, judge_background(self.failing()), judge_damages(self.damages())]
        return Report(now, tuple(worst_first([*store, *replica, redis, *own])))

    async def _check_store(self) -> list[Finding]:
        try:
            figures = await self.diagnosis.load_figures()
        except StoreUnavailableError as error:
            since = _ago(self.diagnosis.seconds_away)
            return [postgres_unasked(error.reason, _cause(error), since)]
        now = datetime.now(UTC)
        # Without PostgreSQL there are no notifications, and nobody sends any.
        subscription = judge_subscription(self.subscription.disconnected_seconds, self.bounds, now)
        freshness = await self._check_freshness() if figures.kept_up else []
        return [*judge_store(figures, self.bounds, now), *freshness, subscription]

    async def _check_freshness(self) -> list[Finding]:
        """Nothing while PostgreSQL is busy with something else."""
        seconds = self.freshness.canary_seconds
        try:
            measured = await self.freshness.load(hours=HOURS, minutes=60 * HOURS)
        except StoreUnavailableError:
            return []
        now = datetime.now(UTC)
        return [judge_freshness(measured, self.bounds, now, canary_seconds=seconds)]

    async def _check_redis(self) -> Finding:
        # Asked though it may be left alone: whether it answers is one thing, and that another.
        reachable = await self.redis.ask_unchecked("PING") is not None
        health = self.redis.health
        return judge_redis(
            RedisFigures(
                answers=reachable,
                fault=health.fault,
                away_since=_ago(health.seconds_away),
                left_alone_since=_ago(health.seconds_left_alone),
                refusal=health.refusal,
                refusing_since=_ago(health.seconds_refusing),
            )
        )


def _cause(error: StoreUnavailableError) -> str:
    """Why PostgreSQL cannot be reached, as its driver says it; empty if unknown."""
    cause = error.__cause__
    origin = getattr(cause, "orig", None) or cause or ""
    return str(origin).strip().partition("\n")[0]


def _ago(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.now(UTC) - timedelta(seconds=seconds)
