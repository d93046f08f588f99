"""The chart of freshness: percentiles of what the canary measured, over the last hours."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from serving.console.charts import WIDTHS, Chart, Point, Scale, Series, nice_ticks
from serving.console.wording import format_seconds
from serving.freshness.measured_freshness import Span

HOURS = 24
MINUTES = 30
_PERCENTILES = ("p99", "p95", "p50")
_LABEL_HOURS = {"wide": 3, "narrow": 8}


def freshness_charts(spans: Sequence[Span], now: datetime) -> list[Chart]:
    """Seconds over the last `HOURS`, in two widths; none if no list followed."""
    measured = [span for span in spans if span.fresh]
    return [_chart(size, measured, now) for size in WIDTHS] if measured else []


def _chart(size: str, spans: Sequence[Span], now: datetime) -> Chart:
    scale = Scale(size, nice_ticks(0.0, max(span.p99_seconds or 0.0 for span in spans)))

    def x(at: datetime) -> float:
        return scale.along(max(1 - (now - at) / timedelta(hours=HOURS), 0.0))

    def points(name: str) -> Iterator[Point]:
        for span in spans:
            seconds: float = getattr(span, f"{name}_seconds")
            at = span.began_at + timedelta(minutes=MINUTES / 2)
            height = scale.height(seconds)
            when = f"{span.began_at:%H:%M}"
            yield Point(x(min(at, now)), height, height, height, when, format_seconds(seconds))

    return scale.chart(
        [Series(name, list(points(name))) for name in _PERCENTILES],
        labels=[(x(at), f"{at:%H:%M}") for at in _hours(now, _LABEL_HOURS[size])],
        format_tick=lambda seconds: format_seconds(seconds) if seconds else "0",
    )


def _hours(now: datetime, every: int) -> Iterator[datetime]:
    """Full hours of the time shown, `every` so many; none so early that it stands at the edge."""
    at = now.replace(minute=0, second=0, microsecond=0)
    at -= timedelta(hours=at.hour % every)
    while at > now - timedelta(hours=HOURS - 1):
        yield at
        at -= timedelta(hours=every)
