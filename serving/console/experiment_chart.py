"""The chart of an experiment: the interval of a difference at the end of each day."""

import math
from collections.abc import Iterator, Sequence

from serving.console.charts import (
    BOTTOM,
    HEIGHT,
    LEFT,
    RIGHT,
    TOP,
    WIDTHS,
    Chart,
    Point,
    Series,
    format_day,
    nice_ticks,
)
from serving.experiments.schemas import HistoryPoint

_MOST_LABELS = {"wide": 10, "narrow": 4}


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
    width = WIDTHS[size]
    least, most = _range(known)
    ticks = nice_ticks(least, most)

    def x(index: int) -> float:
        return round(LEFT + (width - LEFT - RIGHT) * (index + 0.5) / len(known), 1)

    def y(value: float) -> float:
        shown = min(max(value, ticks[0]), ticks[-1])
        share = (ticks[-1] - shown) / (ticks[-1] - ticks[0])
        return round(TOP + (HEIGHT - TOP - BOTTOM) * share, 1)

    def points() -> Iterator[Point]:
        for index, point in enumerate(known):
            low, high = _bounds(point)
            text = format_difference(point.difference, low, high)
            yield Point(x(index), y(point.difference), y(low), y(high), format_day(point.day), text)

    every = math.ceil(len(known) / _MOST_LABELS[size])
    return Chart(
        size,
        width,
        HEIGHT,
        LEFT,
        width - RIGHT,
        [Series("difference", list(points()))],
        [(y(tick), f"{tick:g}") for tick in ticks],
        [(x(n), format_day(known[n].day)) for n in range(len(known) - 1, -1, -every)],
    )


def _range(known: Sequence[HistoryPoint]) -> tuple[float, float]:
    """What is drawn: 0 and the later half. The first intervals are so wide that they run out."""
    bounds = [bound for point in known[len(known) // 2 :] for bound in _bounds(point)]
    return min(*bounds, 0.0), max(*bounds, 0.0)


def _bounds(point: HistoryPoint) -> tuple[float, float]:
    low = point.difference if point.low is None else point.low
    return low, point.difference if point.high is None else point.high
