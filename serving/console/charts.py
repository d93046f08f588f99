"""Charts as SVG: where everything stands is worked out here, and drawn by a template."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from serving.console.wording import NOTHING
from sql.runs import RunFigures

Interval = Mapping[str, float]
"""`mean`, and maybe `low` and `high`."""

WIDTHS = {"wide": 1120, "narrow": 340}
"""In pixels: text of a chart that is drawn smaller could not be read."""
HEIGHT = 240
LEFT, RIGHT, TOP, BOTTOM = 52, 12, 12, 28
"""Around what is drawn: for labels."""
_TICKS = 4
_STEPS = (1, 2, 2.5, 5, 10)
_MOST_LABELS = {"wide": 10, "narrow": 4}


@dataclass(frozen=True, slots=True)
class Point:
    """One figure of one run, or of one time."""

    x: float
    y: float
    low: float
    high: float
    """Ends of the interval, in pixels from the top; both `y` where there is none."""
    name: str
    """What it is a figure of, as `Run 7`."""
    text: str


@dataclass(frozen=True, slots=True)
class Series:
    """The same figure of all runs, or times."""

    name: str
    points: Sequence[Point]

    @property
    def line(self) -> str:
        """The points as a polyline has them."""
        return " ".join(f"{point.x},{point.y}" for point in self.points)


@dataclass(frozen=True, slots=True)
class Chart:
    """Figures over the runs, or over time."""

    size: str
    width: int
    height: int
    left: int
    right: int
    series: Sequence[Series]
    ticks: Sequence[tuple[float, str]]
    """Heights in pixels, and their labels."""
    labels: Sequence[tuple[float, str]]
    """Places of runs or times, and when they were."""


@dataclass(frozen=True, slots=True)
class Scale:
    """Where figures stand in a chart of a size, in pixels."""

    size: str
    ticks: Sequence[float]
    """Values at which a line is drawn, rising; what lies beyond stands at the edge."""

    def along(self, share: float) -> float:
        """From the left, after a share of the room."""
        return round(LEFT + (WIDTHS[self.size] - LEFT - RIGHT) * share, 1)

    def middle(self, index: int, count: int) -> float:
        """The middle of one of `count` places side by side."""
        return self.along((index + 0.5) / count)

    def height(self, value: float) -> float:
        """From the top."""
        least, most = self.ticks[0], self.ticks[-1]
        share = (most - min(max(value, least), most)) / (most - least)
        return round(TOP + (HEIGHT - TOP - BOTTOM) * share, 1)

    def chart(
        self,
        series: Sequence[Series],
        *,
        labels: Sequence[tuple[float, str]],
        format_tick: Callable[[float], str] = "{:g}".format,
    ) -> Chart:
        """These series, drawn."""
        ticks = [(self.height(tick), format_tick(tick)) for tick in self.ticks]
        width = WIDTHS[self.size]
        return Chart(self.size, width, HEIGHT, LEFT, width - RIGHT, series, ticks, labels)


def run_charts(runs: Sequence[RunFigures], figure: str) -> list[Chart]:
    """A figure of runs, the oldest first, in two widths; none if no run has it."""
    measured = [run for run in runs if figure in run.candidate]
    return [_chart(size, measured, figure) for size in WIDTHS] if measured else []


def _chart(size: str, runs: Sequence[RunFigures], figure: str) -> Chart:
    given = {
        "popularity": [run.popularity.get(figure) for run in runs],
        "served": [run.served.get(figure) for run in runs],
        "candidate": [run.candidate.get(figure) for run in runs],
    }
    values = [
        value for series in given.values() for each in series if each for value in each.values()
    ]
    scale = Scale(size, nice_ticks(min(*values, 0.0), max(values)))
    series = [Series(name, list(_points(of_runs, runs, scale))) for name, of_runs in given.items()]
    drawn = [each for each in series if each.points]
    return scale.chart(drawn, labels=day_labels(scale, [run.run.started_at for run in runs]))


def _points(
    given: Sequence[Interval | None], runs: Sequence[RunFigures], scale: Scale
) -> Iterator[Point]:
    for index, (interval, run) in enumerate(zip(given, runs, strict=True)):
        if interval:
            mean = interval["mean"]
            low, high = interval.get("low", mean), interval.get("high", mean)
            yield Point(
                scale.middle(index, len(runs)),
                scale.height(mean),
                scale.height(low),
                scale.height(high),
                f"Run {run.run.run_id}",
                format_interval(interval),
            )


def day_labels(scale: Scale, days: Sequence[date]) -> list[tuple[float, str]]:
    """Labels of figures that stand side by side, a day each; the last always has one."""
    every = math.ceil(len(days) / _MOST_LABELS[scale.size])
    places = range(len(days) - 1, -1, -every)
    return [(scale.middle(index, len(days)), format_day(days[index])) for index in places]


def format_day(at: date) -> str:
    """A day as `9 Nov`."""
    return f"{at:%d %b}".lstrip("0")


def nice_ticks(least: float, most: float) -> list[float]:
    """Some round numbers, rising, that enclose all from `least` to `most`."""
    span = (most - least) or 1.0
    power = 10 ** math.floor(math.log10(span / _TICKS))
    step = next(power * each for each in _STEPS if power * each >= span / _TICKS)
    first, last = math.floor(least / step), math.ceil(most / step)
    return [round(step * number, 10) for number in range(first, max(last, first + 1) + 1)]


def format_interval(interval: Interval | None) -> str:
    """A figure as `0.182 (0.169 to 0.194)`."""
    if not interval:
        return NOTHING
    mean = f"{interval['mean']:.3f}"
    return (
        f"{mean} ({interval['low']:.3f} to {interval['high']:.3f})" if "low" in interval else mean
    )


@dataclass(frozen=True, slots=True)
class Whisker:
    """A figure beside that of the popular list, on a scale that all rows share; in percent."""

    mean: float
    low: float
    high: float
    popularity: float | None


def whiskers(runs: Sequence[RunFigures], figure: str) -> dict[int, Whisker]:
    """By number of the run; runs without the figure are absent."""
    known = [run for run in runs if figure in run.candidate]
    highs = [run.candidate[figure].get("high", run.candidate[figure]["mean"]) for run in known]
    most = max(highs, default=0.0) or 1.0
    return {run.run.run_id: _whisker(run, figure, most) for run in known}


def _whisker(run: RunFigures, figure: str, most: float) -> Whisker:
    candidate, popular = run.candidate[figure], run.popularity.get(figure)
    mean, low, high = (
        round(100 * candidate.get(name, candidate["mean"]) / most, 1)
        for name in ("mean", "low", "high")
    )
    beside = round(100 * popular["mean"] / most, 1) if popular else None
    return Whisker(mean, low, high, beside)
