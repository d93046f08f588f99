"""What the canary measured lately."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from serving.postgres.store import ReadStore
from sql.statements import statements

_FRESHNESS = statements("freshness")


@dataclass(frozen=True, slots=True)
class Span:
    """Checks of some time, by what came of them; percentiles are null if none was fresh."""

    began_at: datetime
    fresh: int
    others: int
    """Lists that did not follow in time, and checks that failed."""
    p50_seconds: float | None
    p95_seconds: float | None
    p99_seconds: float | None


@dataclass(frozen=True, slots=True)
class MeasuredFreshness:
    """The last hours, whole and in spans."""

    fresh: int
    others: int
    p50_seconds: float | None
    p95_seconds: float | None
    p99_seconds: float | None
    last_at: datetime | None
    """When the newest check began; None: there was none."""
    spans: Sequence[Span]
    """The oldest first; none where there was no check."""

    @property
    def checks(self) -> int:
        """How many there were."""
        return self.fresh + self.others


class FreshnessReader:
    """Reads it."""

    def __init__(self, store: ReadStore, *, canary_seconds: float) -> None:
        self._store = store
        self.canary_seconds = canary_seconds
        """How often a canary of this process tries; 0: it has none, and others may."""

    @property
    def is_measured(self) -> bool:
        """Whether this process has a canary."""
        return self.canary_seconds > 0

    async def load(self, *, hours: int, minutes: int) -> MeasuredFreshness:
        """Checks of the last `hours`, in spans of `minutes`."""
        rows = await self._store.rows(
            _FRESHNESS["load_freshness"], {"hours": hours, "minutes": minutes}
        )
        (whole,) = await self._store.rows(
            _FRESHNESS["load_freshness_percentiles"], {"hours": hours}
        )
        return MeasuredFreshness(**whole._asdict(), spans=[Span(**row._asdict()) for row in rows])
