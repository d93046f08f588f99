"""What figures mean of what the speed layer keeps up to date, as a table: no store is asked."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.diagnosis.diagnosis_figures import (
    MOST_COUNTED,
    PopularPart,
    UnknownEvents,
    WaitingItems,
)
from serving.diagnosis.finding import Bounds
from serving.diagnosis.settings import DiagnosisSettings
from serving.diagnosis.speed import latest_refresh
from speed.settings import SpeedSettings
from sql.popular import RESTS
from tests.serving.good_health import (
    FORGOTTEN,
    LATELY,
    NOW,
    SERVED,
    WELL,
    ago,
    assert_only_finding,
    judged,
    kept_up,
)


@pytest.mark.parametrize(
    ("changes", "check", "severity", "words"),
    [
        ({"speed_workers": 0}, "worker", "problem", "No speed worker is seen"),
        ({"speed_workers": 2}, "worker", "ok", "2 speed workers are connected."),
        (kept_up(unknown_events=UnknownEvents(120, ago(minutes=4), 0, None)), "speed", "problem",
         "behind by 120 events; the oldest waits for 4 minutes"),
        (kept_up(unknown_events=UnknownEvents(1, ago(seconds=2), 0, None)), "speed", "ok",
         "know all"),
        (kept_up(unknown_events=UnknownEvents(0, None, 5, ago(minutes=9))), "speed", "notice",
         "Behind a transaction that is still writing events, 5 events"),
        (kept_up(waiting_items=WaitingItems(1, ago(minutes=4), None)), "new-items", "problem",
         "1 new item waits for its embedding in the run, the first for 4 minutes"),
        (kept_up(waiting_items=WaitingItems(MOST_COUNTED, ago(hours=1), ago(seconds=2))),
         "new-items", "notice", "they are being embedded, the last 2 seconds ago"),
        (kept_up(waiting_items=WaitingItems(12, ago(hours=1), ago(minutes=50))), "new-items",
         "problem", "12 new items wait for their embeddings in the run, the first for 60 minutes"),
        (kept_up(waiting_items=WaitingItems(12, ago(seconds=9), None)), "new-items", "ok",
         "No new item waits"),
        (kept_up(popular_parts=(FORGOTTEN, LATELY)), "popular", "problem",
         "lack what came in the last 2 hours: nobody has made them anew"),
        (kept_up(popular_parts=(FORGOTTEN, LATELY), refreshing_since=ago(minutes=3)), "popular",
         "notice", "they are being made anew, for 3 minutes"),
        (kept_up(popular_parts=(FORGOTTEN, LATELY), refreshing=True), "popular",
         "notice", "somebody is making them anew, it cannot be seen since when"),
        (kept_up(popular_parts=(FORGOTTEN, LATELY), refreshing_since=ago(seconds=1)), "popular",
         "problem", "nobody has made them anew"),
    ],
)  # fmt: skip
def test_what_the_speed_layer_leaves_undone_is_said_and_nothing_else(
    changes: dict[str, Any], check: str, severity: str, words: str
) -> None:
    assert_only_finding(changes, check, severity, words)


def test_whether_a_worker_has_to_be_started_or_looked_at_is_reported() -> None:
    behind = kept_up(unknown_events=UnknownEvents(120, ago(minutes=4), 0, None))
    advice = judged(replace(WELL, **behind))["speed"].advice
    assert str(advice).startswith("See that the speed worker runs")
    advice = judged(replace(WELL, **behind, speed_workers=0))["speed"].advice
    assert str(advice).startswith("Start it: `tandem up` does")


seconds = st.floats(min_value=0, max_value=10_000)


@given(
    rest=st.floats(min_value=0.1, max_value=1_000),
    taken=st.floats(min_value=0, max_value=100),
    served_for=seconds,
    refreshed_for=st.none() | seconds,
    unknown_for=seconds,
)
def test_no_popular_list_is_called_late_before_it_has_rested_and_could_have_been_made(
    rest: float, taken: float, served_for: float, refreshed_for: float | None, unknown_for: float
) -> None:
    bounds = Bounds(popular_rest=timedelta(seconds=rest))
    refreshed_at = None if refreshed_for is None else ago(seconds=refreshed_for)
    part = PopularPart("ever", refreshed_at, taken, ago(seconds=unknown_for))
    run = replace(SERVED, served_since=ago(seconds=served_for))
    until = latest_refresh(part, (part,), run, bounds)
    waits = [timedelta(), ago(seconds=unknown_for) - NOW, run.served_since - NOW]
    if refreshed_at is not None:
        waits.append(refreshed_at + timedelta(seconds=max(rest, RESTS * taken)) - NOW)
    begun_at = NOW + max(waits[1:])
    assert until >= begun_at + timedelta(seconds=taken)
    assert until <= begun_at + timedelta(minutes=3, seconds=10 * taken), "but late at last"


@given(unknown_for=seconds, taken=st.floats(min_value=0, max_value=100))
def test_a_popular_list_that_knows_everything_is_never_late(
    unknown_for: float, taken: float
) -> None:
    part = PopularPart("ever", ago(seconds=unknown_for), taken, None)
    assert latest_refresh(part, (part,), SERVED, Bounds()) > NOW + timedelta(days=36_500)


def test_the_rest_of_popular_lists_is_that_of_the_speed_worker() -> None:
    default = DiagnosisSettings.model_fields["speed_popular_seconds"].default
    assert default == SpeedSettings.model_fields["popular_seconds"].default
    assert Bounds().popular_rest == timedelta(seconds=default)
