"""What figures mean, as a table: no store is asked."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch.settings import BatchSettings
from domain.identifiers import RunId
from serving.repositories.diagnosis import (
    MOST_COUNTED,
    Contents,
    EndedNight,
    OpenNight,
    ServedRun,
    StoreFigures,
    UnknownEvents,
)
from serving.services.diagnosis.bounds import Bounds
from serving.services.diagnosis.finding import (
    Finding,
    is_well,
    merged,
    told_count,
    told_duration,
    worst_first,
)
from serving.services.diagnosis.process import (
    Dropped,
    ReplicaFigures,
    judge_dropped,
    judge_redis,
    judge_replica,
)
from serving.services.diagnosis.store import judge_store
from sql.revisions import Revisions

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
CONTENTS = Contents(
    items=500,
    available_items=490,
    events=40_000,
    newest_event_at=NOW - timedelta(seconds=90),
    learnable_users=1_000,
)
SERVED = ServedRun(
    run_id=RunId(7),
    cut_off_at=NOW - 5 * HOUR,
    served_since=NOW - 4 * HOUR,
    index_recall=None,
    compared=True,
    evaluated_users=600,
)
ENDED = EndedNight(RunId(7), "published", NOW - 4 * HOUR, None)
NONE_UNKNOWN = UnknownEvents(0, None, 0, None)
WELL = StoreFigures(Revisions("0005", "0005"), CONTENTS, SERVED, None, ENDED, NONE_UNKNOWN)


def judged(figures: StoreFigures) -> dict[str, Finding]:
    findings = judge_store(figures, Bounds(), NOW)
    by_check = {finding.check: finding for finding in findings}
    assert len(by_check) == len(findings), "two findings about one thing"
    return by_check


def ago(**units: float) -> datetime:
    return NOW - timedelta(**units)


def test_a_system_in_good_health_has_neither_problems_nor_notices() -> None:
    assert {finding.severity for finding in judged(WELL).values()} == {"ok"}
    assert set(judged(WELL)) == {
        "postgres", "migrations", "items", "events", "run", "night", "gate", "index", "speed",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "check", "severity", "words"),
    [
        ({"contents": replace(CONTENTS, items=0, available_items=0)}, "items", "problem",
         "There are no items"),
        ({"contents": replace(CONTENTS, available_items=0)}, "items", "problem",
         "None of 500 items is available"),
        ({"contents": replace(CONTENTS, events=0, newest_event_at=None, learnable_users=0)},
         "events", "problem", "There are no events"),
        ({"contents": replace(CONTENTS, learnable_users=0)}, "events", "problem",
         "None of 40,000 events is of a positive kind"),
        ({"contents": replace(CONTENTS, learnable_users=1)}, "events", "problem",
         "Only 1 user did something positive; a night needs 2"),
        ({"contents": replace(CONTENTS, events=MOST_COUNTED)}, "events", "ok",
         "more than 99,999 events, the newest 90 seconds old"),
        ({"served": None}, "run", "problem", "No model run is published yet"),
        ({"served": replace(SERVED, cut_off_at=ago(days=3))}, "run", "problem",
         "older than 3 days. That is older than 2 days"),
        ({"open_night": OpenNight(RunId(8), ago(minutes=4), alive=True)}, "night", "notice",
         "A night is running (run 8), for 4 minutes"),
        ({"open_night": OpenNight(RunId(8), ago(hours=4), alive=False)}, "night", "problem",
         "(run 8) died before"),
        ({"ended_night": EndedNight(RunId(8), "refused", ago(hours=3), "Worse than popular.")},
         "night", "problem", "(run 8) was refused: Worse than popular."),
        ({"ended_night": EndedNight(RunId(8), "failed", ago(hours=3), "no space left")},
         "night", "problem", "(run 8) failed: no space left"),
        ({"ended_night": None}, "night", "ok", "No night has run yet"),
        ({"served": replace(SERVED, compared=False, evaluated_users=3)}, "gate", "notice",
         "only 3 users could be evaluated"),
        ({"served": replace(SERVED, index_recall=0.93)}, "index", "notice",
         "finds 93.0% of the exact answer, less than the bound of 95.0%"),
        ({"served": replace(SERVED, index_recall=0.97)}, "index", "ok", "finds 97.0%"),
        ({"unknown_events": UnknownEvents(120, ago(minutes=4), 0, None)}, "speed", "problem",
         "behind by 120 events; the oldest waits for 4 minutes"),
        ({"unknown_events": UnknownEvents(1, ago(seconds=2), 0, None)}, "speed", "ok", "know all"),
        ({"unknown_events": UnknownEvents(0, None, 5, ago(minutes=9))}, "speed", "notice",
         "Behind a transaction that is still writing events, 5 events"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_and_nothing_else(
    changes: dict[str, object], check: str, severity: str, words: str
) -> None:
    found = judged(replace(WELL, **changes))  # type: ignore[arg-type]
    assert found[check].severity == severity
    assert words in found[check].what
    if severity != "notice":
        assert (severity == "problem") == (found[check].advice is not None)
    others = {one.severity for name, one in found.items() if name != check}
    assert others == {"ok"}


def test_what_a_problem_has_lasted_for_is_told() -> None:
    since = ago(minutes=4)
    behind = judged(replace(WELL, unknown_events=UnknownEvents(120, since, 0, None)))
    assert behind["speed"].since == since
    refused = EndedNight(RunId(8), "refused", ago(hours=3), "Worse.")
    assert judged(replace(WELL, ended_night=refused))["night"].since == ago(hours=3)
    old = judged(replace(WELL, served=replace(SERVED, cut_off_at=ago(days=3))))
    assert old["run"].since == ago(days=3)


@pytest.mark.parametrize(("stands_at", "told"), [(None, "revision none"), ("0003", "0003")])
def test_a_database_of_another_revision_is_not_looked_at_further(
    stands_at: str | None, told: str
) -> None:
    found = judged(StoreFigures(Revisions(stands_at, "0005")))
    assert set(found) == {"postgres", "migrations"}
    assert found["migrations"].severity == "problem"
    assert told in found["migrations"].what


def test_an_outage_of_redis_is_told_with_its_beginning() -> None:
    assert judge_redis(None).severity == "ok"
    away = judge_redis("connection refused", ago(minutes=3))
    assert (away.severity, away.since) == ("problem", ago(minutes=3))
    assert "connection refused" in away.what


def test_impressions_lost_lately_need_doing_something_and_earlier_ones_are_worth_knowing() -> None:
    assert judge_dropped(Dropped(), NOW).severity == "ok"
    assert judge_dropped(Dropped(3, ago(minutes=2)), NOW).severity == "problem"
    assert judge_dropped(Dropped(3, ago(hours=2)), NOW).severity == "notice"
    assert judge_dropped(Dropped(1, ago(hours=2)), NOW).what.startswith("1 impression ")


@pytest.mark.parametrize(
    ("figures", "severity", "words", "since"),
    [
        (ReplicaFigures(0.2), "ok", "lags 0.2 seconds", None),
        (ReplicaFigures(90.0), "problem", "lags 90 seconds, more than 60 seconds",
         ago(seconds=90)),
        (ReplicaFigures(3.0, "connection refused", 240.0), "problem",
         "cannot be used: connection refused", ago(minutes=4)),
        (ReplicaFigures(None), "problem", "has not caught up", None),
    ],
)  # fmt: skip
def test_a_read_replica_that_is_not_read_is_told(
    figures: ReplicaFigures, severity: str, words: str, since: datetime | None
) -> None:
    (finding,) = judge_replica(figures, Bounds(), NOW)
    assert (finding.severity, finding.since) == (severity, since)
    assert words in finding.what


def test_without_a_read_replica_nothing_is_said_of_one() -> None:
    assert judge_replica(None, Bounds(), NOW) == []


findings_of_three = st.lists(
    st.builds(
        Finding,
        check=st.sampled_from("abc"),
        severity=st.sampled_from(["ok", "notice", "problem"]),
        what=st.just("x"),
        since=st.sampled_from([None, NOW]),
    ),
    max_size=8,
)


@given(findings_of_three, findings_of_three)
def test_of_several_observers_no_problem_is_lost(
    first: list[Finding], second: list[Finding]
) -> None:
    together = merged(first, second)
    assert {one.check for one in together} == {one.check for one in [*first, *second]}
    assert len({one.check for one in together}) == len(together)
    assert is_well(together) == (is_well(first) and is_well(second))
    severities = [one.severity for one in worst_first(together)]
    assert severities == sorted(severities, key=["problem", "notice", "ok"].index)


@given(st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=9_000)))
def test_a_duration_is_told_in_the_largest_unit_of_which_there_are_two(span: timedelta) -> None:
    count, unit = told_duration(span).replace(",", "").split()
    seconds = {"second": 1, "minute": 60, "hour": 3_600, "day": 86_400}[unit.removesuffix("s")]
    assert int(count) * seconds <= span.total_seconds() < (int(count) + 1) * seconds
    assert int(count) >= 2 or seconds == 1


def test_amounts_are_told_in_words() -> None:
    assert told_count(1, "event") == "1 event"
    assert told_count(1_234, "event") == "1,234 events"
    assert told_duration(timedelta(seconds=1)) == "1 second"
    assert told_duration(timedelta(seconds=-1)) == "0 seconds"


def test_the_bounds_of_a_night_are_those_of_its_settings() -> None:
    assert Bounds().fewest_users == BatchSettings.model_fields["fewest_users"].default
