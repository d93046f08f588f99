"""The diagnosis of an API process: what it knows itself and what its stores tell."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from domain.errors import StoreUnavailableError
from serving.repositories.answers import Answers
from serving.repositories.diagnosis import Diagnosis
from serving.services.diagnosis.bounds import Bounds
from serving.services.diagnosis.finding import Finding, is_well, worst_first
from serving.services.diagnosis.process import (
    Dropped,
    ReplicaFigures,
    judge_dropped,
    judge_redis,
    judge_replica,
)
from serving.services.diagnosis.store import judge_store, postgres_away


@dataclass(frozen=True, slots=True)
class Report:
    """What was found at one moment, the worst first."""

    looked_at: datetime
    findings: tuple[Finding, ...]

    @property
    def well(self) -> bool:
        """Whether nothing needs doing."""
        return is_well(self.findings)


class Diagnoser:
    """Looks at everything a process can see; whatever is away is itself a finding."""

    def __init__(
        self,
        diagnosis: Diagnosis,
        answers: Answers,
        bounds: Bounds,
        *,
        dropped: Callable[[], Dropped],
        replica: Callable[[], ReplicaFigures | None],
    ) -> None:
        self._diagnosis = diagnosis
        self._answers = answers
        self._bounds = bounds
        self._dropped = dropped
        self._replica = replica

    async def diagnose(self) -> Report:
        """Look now; never raises because a store is away."""
        store = await self._look_at_store()
        redis = await self._look_at_redis()
        now = datetime.now(UTC)
        replica = judge_replica(self._replica(), self._bounds, now)
        dropped = judge_dropped(self._dropped(), now)
        return Report(now, tuple(worst_first([*store, *replica, redis, dropped])))

    async def _look_at_store(self) -> list[Finding]:
        try:
            figures = await self._diagnosis.load_figures()
        except StoreUnavailableError:
            return [postgres_away(since=_ago(self._diagnosis.seconds_away))]
        return judge_store(figures, self._bounds, datetime.now(UTC))

    async def _look_at_redis(self) -> Finding:
        # Asked within the bounds of any request: one that is too slow for them is as good as away.
        reachable = await self._answers.ping()
        return judge_redis(None if reachable else "", _ago(self._answers.seconds_away))


def _ago(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.now(UTC) - timedelta(seconds=seconds)
