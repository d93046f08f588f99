"""Judging how soon lists follow users, by what the canary measured. Pure."""

from datetime import datetime, timedelta

from serving.diagnosis.finding import Bounds, Finding, Severity, format_count, format_duration
from serving.freshness.measured_freshness import MeasuredFreshness

HOURS = 1
"""What is judged."""
_FEWEST = 3
"""Checks that say anything."""
_MANY = 0.5
"""A share that is no exception."""
_MISSED = 5
"""So many checks that did not come are no chance."""
_LOOK = "See what the log of the speed worker says, and on the page Health since when it is so."
_OFF = "Nobody measures how soon lists follow what users do."
_SWITCH_ON = (
    "Give the API TANDEM_CANARY_SECONDS=60: each minute a canary then posts an event and reads the"
    " list that follows. Its events count nowhere."
)


def judge_freshness(
    measured: MeasuredFreshness, bounds: Bounds, now: datetime, *, canary_seconds: float
) -> Finding:
    """What the checks of the last `HOURS` say; `canary_seconds` is 0 where this API has none."""
    if not measured.checks:
        if canary_seconds == 0:
            return Finding("freshness", "notice", _OFF, advice=_SWITCH_ON)
        what = "Nothing was measured in the last hour of how soon lists follow what users do."
        return Finding("freshness", "ok", f"{what} After a start the first check takes a while.")
    rest = timedelta(seconds=_MISSED * canary_seconds)
    if canary_seconds and measured.last_at is not None and now - measured.last_at > rest:
        return _silent(measured.last_at, now)
    if measured.others and measured.checks >= _FEWEST:
        return _not_followed(measured)
    return _quickness(measured, bounds)


def _silent(last_at: datetime, now: datetime) -> Finding:
    return Finding(
        "freshness",
        "notice",
        f"The canary has not measured for {format_duration(now - last_at)} how soon lists follow.",
        since=last_at,
        advice="It needs TANDEM_SIGNING_KEYS_FILE (canary_without_signing_keys in the log of the"
        " API), and no app may have a user called tandem-canary.",
    )


def _not_followed(measured: MeasuredFreshness) -> Finding:
    most = measured.others >= _MANY * measured.checks
    checks = format_count(measured.checks, "check")
    return Finding(
        "freshness",
        "problem" if most else "notice",
        f"Of the canary's {checks} in the last hour, {measured.others:,} saw no list that follows"
        " within 5 seconds, or were answered with an error.",
        advice=f"{_LOOK} The log of the API has canary_saw_no_change with the outcome.",
    )


def _quickness(measured: MeasuredFreshness, bounds: Bounds) -> Finding:
    promised = bounds.slowest_list.total_seconds()
    p50, p99 = measured.p50_seconds or 0.0, measured.p99_seconds or 0.0
    sentence = f"Half of the lists follow a click within {p50:.2f} s, 99 of 100 within {p99:.2f} s"
    if p99 <= promised or measured.checks < _FEWEST:
        return Finding("freshness", "ok", f"{sentence}, as the canary measured in the last hour.")
    severity: Severity = "problem" if p50 > promised else "notice"
    what = f"{sentence}; {promised:g} s are promised."
    advice = f"{_LOOK} A load, a night or a busy disk makes them wait; it passes with these."
    return Finding("freshness", severity, what, advice=advice)
