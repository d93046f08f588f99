"""A system in good health, changes to it, and what is found of a changed one."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from domain.identifiers import RunId
from serving.diagnosis.diagnosis_figures import (
    Contents,
    EndedNight,
    PopularPart,
    ServedFigures,
    ServedRun,
    StoreFigures,
    UnknownEvents,
    WaitingItems,
)
from serving.diagnosis.finding import Bounds, Finding
from serving.diagnosis.store import judge_store
from sql.revisions import Revisions

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def ago(**units: float) -> datetime:
    return NOW - timedelta(**units)


CONTENTS = Contents(
    items=500,
    available_items=490,
    events=40_000,
    newest_event_at=ago(seconds=90),
    learnable_users=1_000,
    positive_kinds=6,
    new_items=500,
    mute_items=3,
    new_events=1_000,
    future_events=0,
    upload_waits_since=None,
)
SERVED = ServedRun(
    run_id=RunId(7),
    cut_off_at=ago(hours=5),
    served_since=ago(hours=4),
    index_recall=None,
    compared=True,
    evaluated_users=600,
)
ENDED = EndedNight(RunId(7), "published", ago(hours=4), None)
NONE_UNKNOWN = UnknownEvents(0, None, 0, None)
NONE_WAITING = WaitingItems(0, None, None)
EVER = PopularPart("ever", ago(minutes=2), 2.0, ago(minutes=2))
LATELY = PopularPart("lately", ago(minutes=6), 8.0, ago(minutes=6))
KEPT_UP = ServedFigures(NONE_UNKNOWN, NONE_WAITING, (EVER, LATELY), None)
WELL = StoreFigures(
    Revisions("0005", "0005"), NOW, CONTENTS, SERVED, None, ENDED, speed_workers=1, kept_up=KEPT_UP
)
FORGOTTEN = PopularPart("ever", ago(hours=3), 2.0, ago(hours=2))


def judged(figures: StoreFigures, now: datetime = NOW) -> dict[str, Finding]:
    findings = judge_store(figures, Bounds(), now)
    by_check = {finding.check: finding for finding in findings}
    assert len(by_check) == len(findings), "two findings about one thing"
    return by_check


def contents(**changes: Any) -> dict[str, Any]:
    return {"contents": replace(CONTENTS, **changes)}


def served(**changes: Any) -> dict[str, Any]:
    return {"served": replace(SERVED, **changes)}


def kept_up(**changes: Any) -> dict[str, Any]:
    return {"kept_up": replace(KEPT_UP, **changes)}


def assert_only_finding(changes: dict[str, Any], check: str, severity: str, words: str) -> None:
    """Of a system in good health but for the changes, one check says so and no other."""
    found = judged(replace(WELL, **changes))
    assert found[check].severity == severity, found[check]
    assert words in found[check].what, found[check]
    if severity != "notice":
        assert (severity == "problem") == (found[check].advice is not None), found[check]
    others = {finding.severity for name, finding in found.items() if name != check}
    assert others == {"ok"}, found
