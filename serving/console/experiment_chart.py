"""The chart of an experiment: the interval of a difference at the end of each day."""

from collections.abc import Sequence

from serving.console.charts import (
    WIDTHS,
    Chart,
    Point,
    Scale,
    Series,
    day_labels,
    format_day,
    nice_ticks,
)
from serving.experiments.schemas import HistoryPoint


def difference_charts(history: Sequence[HistoryPoint]) -> list[Chart]:
    """One arm's difference from the control, by day, in two widths; none before an interval."""
    known = [point for point in history if point.low is not None and point.high is not None]
    return [_chart(size, known) for size in WIDTHS] if known else []


def format_difference(difference: float, low: float | None, high: float | None) -> str:
    """A difference as `+0.182 (+0.169 to +0.194)`."""
    if low is None or high is None:
        return f"{difference:+.4g}"
    return f"{difference:+.4g} ({low:+.4g} to {high:+.4g})"


def _chart(size: str, known: Sequence[HistoryPoint]) -> Chart:
    scale = Scale(size, nice_ticks(*_range(known)))
    points = [_point(scale, index, known) for index in range(len(known))]
    labels = day_labels(scale, [point.day for point in known])
    return scale.chart([Series("difference", points)], labels=labels)


def _point(scale: Scale, index: int, known: Sequence[HistoryPoint]) -> Point:
    day = known[index]
    low, high = _bounds(day)
    return Point(
        scale.middle(index, len(known)),
        scale.height(day.difference),
        scale.height(low),
        scale.height(high),
        format_day(day.day),
        format_difference(day.difference, low, high),
    )


def _range(known: Sequence[HistoryPoint]) -> tuple[float, float]:
    """What is drawn: 0 and the later half. The first intervals are so wide that they run out."""
    bounds = [bound for point in known[len(known) // 2 :] for bound in _bounds(point)]
    return min(*bounds, 0.0), max(*bounds, 0.0)


def _bounds(point: HistoryPoint) -> tuple[float, float]:
    low = point.difference if point.low is None else point.low
    return low, point.difference if point.high is None else point.high
