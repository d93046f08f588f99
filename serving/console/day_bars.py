"""Counts by day as bars of a small chart: how high each is, and what it says."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from serving.console.charts import format_day
from serving.console.wording import format_count

HEIGHT = 48
_LOWEST = 2.0
"""Of a bar that stands for something."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One day."""

    day: date
    count: int | None
    """None: it is not counted yet."""
    height: float
    """In [0, HEIGHT]."""

    @property
    def text(self) -> str:
        """As `9 Nov: 12`."""
        counted = "not counted yet" if self.count is None else format_count(self.count)
        return f"{format_day(self.day)}: {counted}"


@dataclass(frozen=True, slots=True)
class DayBars:
    """Some days."""

    bars: Sequence[Bar]

    @property
    def total(self) -> int | None:
        """All that is counted; None: nothing is."""
        counts = [bar.count for bar in self.bars if bar.count is not None]
        return sum(counts) if counts else None


def day_bars(counts: Iterable[tuple[date, int | None]]) -> DayBars:
    """Bars of counts by day, the greatest as high as the chart."""
    given = list(counts)
    most = max((count or 0 for _, count in given), default=0)
    return DayBars([Bar(day, count, _height(count or 0, most)) for day, count in given])


def _height(count: int, most: int) -> float:
    return max(round(HEIGHT * count / most, 1), _LOWEST) if count else 0.0
