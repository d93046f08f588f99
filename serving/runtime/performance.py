"""How long requests took lately, by route: a sketch of fixed size for each quarter of a minute.

A request adds one to one count. Bounds grow by an eighth, so that a percentile is at most 12 % more
than it was. What else is told of a window are differences of counters that are there anyway.
"""

import math
import time
from array import array
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

SLOT_SECONDS: Final = 15.0
LONGEST_SECONDS: Final = 900.0
_SLOTS: Final = int(LONGEST_SECONDS / SLOT_SECONDS)
_GROWTH: Final = 1.125
_SHORTEST: Final = 0.0001
BOUNDS: Final = tuple(_SHORTEST * _GROWTH**n for n in range(118))
"""Seconds, from a tenth of a millisecond to more than a minute and a half."""
_ERRORS: Final = len(BOUNDS) + 1
_CELLS: Final = len(BOUNDS) + 2
_SERVER_ERROR: Final = 500

PERFORMANCE: Final = "performance"
"""The name under which processes give it to each other."""
WINDOWS_MINUTES: Final = (1, 5, 15)

Route = tuple[str, str]
"""Template and method."""
Counters = Mapping[str, float]
"""By name, each only growing."""


@dataclass(slots=True)
class Slot:
    """What happened in some seconds."""

    ended_at: float
    """On the monotonic clock; infinite: it has not."""
    routes: dict[Route, "array[int]"] = field(default_factory=dict)
    """Counts by bucket, the last one of what was longer than all, and of errors of the server."""
    counted: Mapping[str, float] = field(default_factory=dict)
    """How much each counter grew."""


@dataclass(slots=True)
class Window:
    """What happened in the last seconds, of one process or of several."""

    seconds: float
    """How much of it there was: less than was asked for from a young process."""
    routes: dict[Route, "array[int]"] = field(default_factory=dict)
    counted: dict[str, float] = field(default_factory=dict)

    def add(self, routes: Mapping[Route, Sequence[int]], counted: Counters) -> None:
        """What another slot or process counted."""
        for route, counts in routes.items():
            own = self.routes.setdefault(route, _no_counts())
            for n, count in enumerate(counts):
                own[n] += count
        for name, grown in counted.items():
            self.counted[name] = self.counted.get(name, 0.0) + grown


class Performance:
    """Counts of one process; read and written by its event loop alone.

    Somebody calls `turn` every `SLOT_SECONDS`, so that a request has no clock to look at.
    """

    def __init__(
        self, counters: Callable[[], Counters], now: Callable[[], float] = time.monotonic
    ) -> None:
        self._counters = counters
        self._now = now
        self._began_at = now()
        self._counters_before = counters()
        self._slots: deque[Slot] = deque(maxlen=_SLOTS)
        self._current = Slot(math.inf)

    def observe(self, route: str, method: str, status: int, seconds: float) -> None:
        """A request that has just ended."""
        counts = self._current.routes.get((route, method))
        if counts is None:
            counts = self._current.routes[route, method] = _no_counts()
        counts[bisect_left(BOUNDS, seconds)] += 1
        if status >= _SERVER_ERROR:
            counts[_ERRORS] += 1

    async def turn(self) -> None:
        """Begin the next slot."""
        counters = self._counters()
        self._current.ended_at = self._now()
        self._current.counted = self._grown(counters)
        self._counters_before = counters
        self._slots.append(self._current)
        self._current = Slot(math.inf)

    def window(self, seconds: float) -> Window:
        """What was observed in the last seconds, give or take a slot."""
        now = self._now()
        window = Window(min(seconds, now - self._began_at))
        for slot in self._slots:
            if slot.ended_at > now - seconds:
                window.add(slot.routes, slot.counted)
        window.add(self._current.routes, self._grown(self._counters()))
        return window

    def given(self) -> list[dict[str, Any]]:
        """All windows, for another process."""
        return [to_dict(self.window(60.0 * minutes)) for minutes in WINDOWS_MINUTES]

    def _grown(self, counters: Counters) -> dict[str, float]:
        before = self._counters_before
        return {name: value - before.get(name, 0.0) for name, value in counters.items()}


def _no_counts() -> "array[int]":
    return array("L", bytes(_CELLS * array("L").itemsize))


def percentile(counts: Sequence[int], share: float) -> float | None:
    """The seconds that this share of requests took at most, in (0, 1]; None without any."""
    timed = counts[: len(BOUNDS) + 1]
    total = sum(timed)
    if not total:
        return None
    reached, wanted = 0, share * total
    for bound, count in zip((*BOUNDS, BOUNDS[-1]), timed, strict=True):
        reached += count
        if count and reached >= wanted:
            return bound
    return BOUNDS[-1]


def errors_in(counts: Sequence[int]) -> int:
    """How many were errors of the server."""
    return counts[_ERRORS]


def requests_in(counts: Sequence[int]) -> int:
    """How many there were."""
    return sum(counts[: len(BOUNDS) + 1])


def sum_of(windows: Iterable[Window]) -> Window:
    """One window of several processes; as long as the youngest has been there."""
    given = list(windows)
    total = Window(min((window.seconds for window in given), default=0.0))
    for window in given:
        total.add(window.routes, window.counted)
    return total


def to_dict(window: Window) -> dict[str, Any]:
    """For another process."""
    return {
        "seconds": window.seconds,
        "routes": [[*route, list(counts)] for route, counts in window.routes.items()],
        "counted": window.counted,
    }


def from_dict(given: Mapping[str, Any]) -> Window:
    """What `to_dict` made."""
    window = Window(given["seconds"])
    window.add(
        {(route, method): counts for route, method, counts in given["routes"]}, given["counted"]
    )
    return window
