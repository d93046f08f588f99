"""How quick all processes behind one address were lately, added up."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from serving.runtime.performance import (
    PERFORMANCE,
    WINDOWS_MINUTES,
    Window,
    from_dict,
    sum_of,
)
from serving.server.figures import Figures


@dataclass(frozen=True, slots=True)
class RecentPerformance:
    """What happened lately."""

    processes: int
    answering: int
    """Processes that gave their figures in time."""
    windows: Sequence[Window]
    """One for each of `WINDOWS_MINUTES`."""


async def load_recent_performance(figures: Figures) -> RecentPerformance:
    """The figures of all processes that answer here."""
    given: Sequence[Any] = await figures.of_all(PERFORMANCE)
    answered = [windows for windows in given if windows is not None]
    return RecentPerformance(
        len(given),
        len(answered),
        [
            sum_of(from_dict(windows[n]) for windows in answered)
            for n in range(len(WINDOWS_MINUTES))
        ],
    )
