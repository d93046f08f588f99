"""What figures mean, as a table: no store is asked."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch.parameters import FEWEST_USERS
from domain.identifiers import RunId
from serving.answering.impressions import Dropped
from serving.answering.replica_reading import ReplicaFigures
from serving.diagnosis.diagnosis_figures import (
    MOST_COUNTED,
    EndedNight,
    OpenNight,
    StoreFigures,
    UnknownEvents,
    WaitingItems,
)
from serving.diagnosis.finding import (
    Bounds,
    Finding,
    format_count,
    format_duration,
    is_well,
    merged,
    worst_first,
)
from serving.diagnosis.process import (
    RedisFigures,
    judge_dropped,
    judge_redis,
    judge_replica,
    judge_subscription,
    postgres_unasked,
)
from sql.revisions import Revisions
from tests.serving.good_health import (
    FORGOTTEN,
    LATELY,
    NOW,
    WELL,
    ago,
    assert_only_finding,
    contents,
    judged,
    kept_up,
    served,
)


def test_a_system_in_good_health_has_neither_problems_nor_notices() -> None:
    assert {finding.severity for finding in judged(WELL).values()} == {"ok"}
    assert set(judged(WELL)) == {
        "postgres", "migrations", "clock", "items", "words", "events", "times", "uploads",
        "contexts", "buffers", "run",
        "night", "gate", "index", "lists", "worker", "version", "speed", "new-items", "popular",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "check", "severity", "words"),
    [
        (contents(items=0, available_items=0), "items", "problem", "There are no items"),
        (contents(available_items=0), "items", "problem", "None of 500 items is available"),
        (contents(mute_items=500), "words", "notice",
         "Of the newest 500 items, 500 have no words but their ids"),
        (contents(mute_items=249), "words", "ok", "Most items have words"),
        (contents(new_items=0, mute_items=0), "words", "ok", "Most items have words"),
        (contents(events=0, newest_event_at=None, learnable_users=0), "events", "problem",
         "There are no events"),
        (contents(learnable_users=0), "events", "problem",
         "None of 40,000 events speaks for an item"),
        (contents(learnable_users=0, positive_kinds=0), "events", "problem",
         "No event kind is positive: there is nothing to learn from 40,000 events"),
        (contents(learnable_users=1), "events", "problem",
         "Only 1 user did something positive; a night needs 2"),
        (contents(events=MOST_COUNTED), "events", "ok",
         "more than 99,999 events, the newest 90 seconds old"),
        (contents(future_events=1_000), "times", "problem",
         "Of the newest 1,000 events, 1,000 lie in the future"),
        (contents(future_events=1), "times", "notice", "1 lies in the future"),
        (contents(upload_waits_since=ago(seconds=30)), "uploads", "ok", "No file"),
        (contents(upload_waits_since=ago(minutes=5)), "uploads", "problem",
         "waits to be loaded, for 5 minutes"),
        (contents(contexts=7_999, context_values=159, context_name="device"), "contexts", "ok",
         "There is room"),
        (contents(contexts=8_000), "contexts", "notice", "8,000 of 10,000 different contexts"),
        (contents(context_values=160, context_name="device"), "contexts", "notice",
         "160 of 200 different values of device"),
        (contents(buffer_bytes=128 * 2**20, log_index_bytes=256 * 2**20), "buffers", "ok",
         "PostgreSQL has buffers"),
        (contents(buffer_bytes=128 * 2**20, log_index_bytes=257 * 2**20), "buffers", "notice",
         "128 MB of buffers, and the indexes of the log have 257"),
        (contents(buffer_bytes=512 * 2**20, log_index_bytes=2**40), "buffers", "ok",
         "PostgreSQL has buffers"),
        ({"served": None, "kept_up": None}, "run", "problem", "No model run is published yet"),
        (served(cut_off_at=ago(days=3)), "run", "problem",
         "older than 3 days. That is older than 2 days"),
        (served(rolled_back_by="ann", newer_run_id=RunId(9)), "run", "notice",
         "It was rolled back to (by: ann)."),
        ({"open_night": OpenNight(RunId(8), ago(minutes=4), alive=True)}, "night", "notice",
         "A night is running (run 8), for 4 minutes"),
        ({"open_night": OpenNight(RunId(8), ago(days=2), alive=True)}, "night", "problem",
         "(run 8), for 2 days. No other can begin meanwhile"),
        ({"open_night": OpenNight(RunId(8), ago(hours=4), alive=False)}, "night", "problem",
         "(run 8) died before"),
        ({"ended_night": EndedNight(RunId(8), "refused", ago(hours=3), "Worse than popular.")},
         "night", "problem", "(run 8) was refused: Worse than popular."),
        ({"ended_night": EndedNight(RunId(8), "failed", ago(hours=3), "no space left")},
         "night", "problem", "(run 8) failed: no space left."),
        ({"ended_night": EndedNight(RunId(8), "failed", ago(hours=50), "no space left")},
         "night", "problem", "no space left. None has begun since, for 2 days."),
        ({"ended_night": EndedNight(RunId(7), "published", ago(hours=37), None)},
         "night", "problem", "ended well (run 7), 37 hours ago, and none has begun since."),
        ({"ended_night": EndedNight(RunId(7), "published", ago(hours=35), None)},
         "night", "ok", "The last night ended well (run 7), 35 hours ago."),
        ({"ended_night": None}, "night", "ok", "No night has run yet"),
        (served(compared=False, evaluated_users=3), "gate", "notice",
         "only 3 users could be evaluated"),
        (served(index_recall=0.93), "index", "notice",
         "finds 93.0% of the exact answer, less than the bound of 95.0%"),
        (served(index_recall=0.97), "index", "ok", "finds 97.0%"),
        (served(vanished_items=1, vanished="alien"), "lists", "notice", "item 'alien' stood in"),
        (served(vanished_items=3, vanished="alien"), "lists", "notice", "'alien' and 2 more"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_and_nothing_else(
    changes: dict[str, Any], check: str, severity: str, words: str
) -> None:
    assert_only_finding(changes, check, severity, words)


def test_what_a_problem_has_lasted_for_is_reported() -> None:
    since = ago(minutes=4)
    behind = judged(replace(WELL, **kept_up(unknown_events=UnknownEvents(120, since, 0, None))))
    assert behind["speed"].since == since
    waiting = judged(replace(WELL, **kept_up(waiting_items=WaitingItems(2, since, None))))
    assert waiting["new-items"].since == since
    late = judged(replace(WELL, **kept_up(popular_parts=(FORGOTTEN, LATELY))))
    assert late["popular"].since == ago(hours=2)
    refused = EndedNight(RunId(8), "refused", ago(hours=3), "Worse.")
    assert judged(replace(WELL, ended_night=refused))["night"].since == ago(hours=3)
    old = judged(replace(WELL, **served(cut_off_at=ago(days=3))))
    assert old["run"].since == ago(days=3)


def test_after_a_rollback_the_way_back_is_reported() -> None:
    earlier = {"rolled_back_by": "ann", "newer_run_id": RunId(9), "cut_off_at": ago(days=3)}
    found = judged(replace(WELL, **served(**earlier)))["run"]
    assert found.severity == "problem"
    assert str(found.advice).endswith("tandem rollback 9")


@pytest.mark.parametrize(
    ("read_at", "words"),
    [
        (NOW + timedelta(minutes=5), "is 5 minutes ahead of that of this process"),
        (ago(hours=2), "is 2 hours behind that of this process"),
    ],
)
def test_clocks_that_differ_are_reported_and_ages_are_counted_by_that_of_the_database(
    read_at: datetime, words: str
) -> None:
    found = judged(replace(WELL, read_at=NOW), NOW - (read_at - NOW))
    assert (found["clock"].severity, words in found["clock"].what) == ("problem", True)
    assert {finding.severity for name, finding in found.items() if name != "clock"} == {"ok"}


@pytest.mark.parametrize(("stands_at", "expected"), [(None, "revision none"), ("0003", "0003")])
def test_a_database_of_another_revision_is_not_looked_at_further(
    stands_at: str | None, expected: str
) -> None:
    found = judged(StoreFigures(Revisions(stands_at, "0005"), NOW))
    assert set(found) == {"postgres", "migrations", "clock"}
    assert found["migrations"].severity == "problem"
    assert expected in found["migrations"].what


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("away", "PostgreSQL is away: connection refused."),
        ("open", "leaves PostgreSQL alone"),
        ("timeout", "PostgreSQL is too slow"),
        ("busy", "all its connections"),
        ("stalled", "This API process was held up"),
        ("statement", "refuses what a diagnosis asks"),
        ("conflict", "PostgreSQL is away"),
    ],
)
def test_why_postgresql_could_not_be_asked_is_reported_with_its_beginning(
    reason: str, words: str
) -> None:
    found = postgres_unasked(reason, "connection refused", ago(minutes=3))
    assert (found.check, found.severity, found.since) == ("postgres", "problem", ago(minutes=3))
    assert words in found.what
    assert found.advice is not None


@pytest.mark.parametrize(
    ("figures", "severity", "words", "since"),
    [
        (RedisFigures(answers=True), "ok", "Redis answers.", None),
        (RedisFigures(answers=False, fault="connection refused", away_since=ago(minutes=3)),
         "problem", "Redis is away: connection refused.", ago(minutes=3)),
        (RedisFigures(answers=True, refusal="OOM command not allowed",
                      refusing_since=ago(seconds=50)),
         "problem", "refuses to work: OOM command not allowed.", ago(seconds=50)),
        (RedisFigures(answers=True, left_alone_since=ago(minutes=2)), "problem",
         "this API process leaves it alone", ago(minutes=2)),
    ],
)  # fmt: skip
def test_what_is_wrong_with_redis_is_reported_with_its_beginning(
    figures: RedisFigures, severity: str, words: str, since: datetime | None
) -> None:
    found = judge_redis(figures)
    assert (found.severity, found.since) == (severity, since)
    assert words in found.what


def test_impressions_lost_lately_need_doing_something_and_earlier_ones_are_worth_knowing() -> None:
    assert judge_dropped(Dropped(), NOW).severity == "ok"
    assert judge_dropped(Dropped(3, 0, ago(minutes=2)), NOW).severity == "problem"
    assert judge_dropped(Dropped(3, 0, ago(hours=2)), NOW).severity == "notice"
    assert judge_dropped(Dropped(1, 0, ago(hours=2)), NOW).what.startswith("1 impression ")


def test_a_process_without_a_subscription_for_long_is_reported() -> None:
    assert judge_subscription(None, Bounds(), NOW).severity == "ok"
    assert judge_subscription(5.0, Bounds(), NOW).severity == "ok", "it is listening again"
    disconnected = judge_subscription(120.0, Bounds(), NOW)
    assert (disconnected.severity, disconnected.since) == ("problem", ago(minutes=2))


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
def test_a_read_replica_that_is_not_read_is_reported(
    figures: ReplicaFigures, severity: str, words: str, since: datetime | None
) -> None:
    (finding,) = judge_replica(figures, Bounds(), NOW)
    assert (finding.severity, finding.since) == (severity, since)
    assert words in finding.what


def test_without_a_read_replica_nothing_is_said_of_one() -> None:
    assert judge_replica(None, Bounds(), NOW) == []


def test_of_two_who_found_the_same_the_first_speaks_and_the_other_adds_since_when() -> None:
    here = Finding("redis", "problem", "away: connection refused")
    there = Finding("redis", "problem", "left alone", NOW)
    assert merged([here], [there]) == [replace(here, since=NOW)]


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
    assert {finding.check for finding in together} == {
        finding.check for finding in [*first, *second]
    }
    assert len({finding.check for finding in together}) == len(together)
    assert is_well(together) == (is_well(first) and is_well(second))
    severities = [finding.severity for finding in worst_first(together)]
    assert severities == sorted(severities, key=["problem", "notice", "ok"].index)


@given(st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=9_000)))
def test_a_duration_is_reported_in_the_largest_unit_of_which_there_are_two(span: timedelta) -> None:
    count, unit = format_duration(span).replace(",", "").split()
    seconds = {"second": 1, "minute": 60, "hour": 3_600, "day": 86_400}[unit.removesuffix("s")]
    assert int(count) * seconds <= span.total_seconds() < (int(count) + 1) * seconds
    assert int(count) >= 2 or seconds == 1


def test_amounts_are_reported_in_words() -> None:
    assert format_count(1, "event") == "1 event"
    assert format_count(1_234, "event") == "1,234 events"
    assert format_duration(timedelta(seconds=1)) == "1 second"
    assert format_duration(timedelta(seconds=-1)) == "0 seconds"


def test_the_bounds_of_a_night_are_those_of_its_settings() -> None:
    assert Bounds().fewest_users == FEWEST_USERS
