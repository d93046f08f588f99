"""A finding, how amounts and times are written in one, and what still counts as well."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

_UNITS = (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1))
_FEWEST_OF_UNIT = 2
"""90 minutes are written as such: "1 hour" would be too rough."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """Beyond these something needs doing."""

    oldest_run: timedelta = timedelta(days=2)
    """Since the cut-off of the run being served."""
    longest_day: timedelta = timedelta(hours=36)
    """From the end of one night to the end of the next."""
    longest_wait: timedelta = timedelta(seconds=30)
    """Of an event for its user's live vector, and of a new item for its embedding."""
    popular_rest: timedelta = timedelta(seconds=30)
    """What popular lists are left alone for at least after they were made anew."""
    index_recall: float = 0.95
    """An index that finds less of the exact answer is not used."""
    longest_lag: timedelta = timedelta(seconds=60)
    """Of the read replica."""
    slowest_list: timedelta = timedelta(seconds=1)
    """From a click to a list that shows it, for 99 of 100."""
    fewest_users: int = 2
    """With fewer users a night has nothing to learn."""


Severity = Literal["ok", "notice", "problem"]

_RANKS: dict[Severity, int] = {"ok": 0, "notice": 1, "problem": 2}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    check: str
    """What was looked at, a name for programs, such as `speed`."""
    severity: Severity
    """problem: something needs doing; notice: worth knowing; ok: as it should be."""
    what: str
    """What was found, in a sentence."""
    since: datetime | None = None
    """None: unknown, or not a matter of time."""
    advice: str | None = None
    """What to do; None: nothing."""


def is_well(findings: Iterable[Finding]) -> bool:
    """Whether nothing needs doing."""
    return all(finding.severity != "problem" for finding in findings)


def worst_first(findings: Iterable[Finding]) -> list[Finding]:
    """Problems, then notices, then what is well; within these, the order they came in."""
    return sorted(findings, key=lambda finding: -_RANKS[finding.severity])


def merged(*sources: Sequence[Finding]) -> list[Finding]:
    """Findings of several observers: of one check the worst.

    Of equals the first, with the `since` of another if it has none.
    """
    best: dict[str, Finding] = {}
    for finding in (finding for findings in sources for finding in findings):
        known = best.setdefault(finding.check, finding)
        if _RANKS[finding.severity] > _RANKS[known.severity]:
            best[finding.check] = finding
        elif finding.severity == known.severity and known.since is None:
            best[finding.check] = replace(known, since=finding.since)
    return list(best.values())


def format_duration(duration: timedelta) -> str:
    """`45 seconds`, `90 minutes`, `3 days`: whole units, rounded down, at least two of them."""
    seconds = max(0, int(duration.total_seconds()))
    for unit, length in _UNITS:
        if seconds >= _FEWEST_OF_UNIT * length:
            return f"{seconds // length:,} {unit}s"
    return format_count(seconds, "second")


def format_count(count: int, noun: str, *, most: int | None = None) -> str:
    """`1 event`, `2,000 events`; `more than 99,999 events` where counting ended at `most`."""
    if most is not None and count >= most:
        return f"more than {most - 1:,} {noun}s"
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
