"""Times are read from whatever files write them in, to the microsecond and in UTC."""

from datetime import UTC, datetime, timedelta, timezone

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loading.times import read_times

MOMENT = datetime(2020, 9, 13, 12, 26, 40, tzinfo=UTC)

EARLY = datetime(1, 1, 2, tzinfo=UTC).replace(tzinfo=None)
LATE = datetime(9999, 12, 30, tzinfo=UTC).replace(tzinfo=None)
MOMENTS = st.datetimes(
    EARLY,
    LATE,
    timezones=st.just(UTC),
)
ZONES = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@pytest.mark.parametrize(
    "column",
    [
        pa.array(["2020-09-13T12:26:40Z"]),
        pa.array(["2020-09-13 12:26:40"]),
        pa.array(["2020-09-13T14:26:40.000+02:00"]),
        pa.array(["2020-09-13T12:26:40.000000000Z"]),
        pa.array(["20200913T122640Z"]),
        pa.array(["1600000000"]),
        pa.array([" 1600000000.0 "]),
        pa.array(["1600000000000"]),
        pa.array([1_600_000_000]),
        pa.array([1_600_000_000_000]),
        pa.array([1.6e9]),
        pa.array([1_600_000_000_000_000_000], pa.timestamp("ns")),
        pa.array([1_600_000_000_000], pa.timestamp("ms", "Europe/Vienna")),
    ],
    ids=lambda column: f"{column.type} {column[0]}",
)
def test_a_time_may_be_iso_8601_or_epoch(column: pa.Array) -> None:
    assert read_times(column).to_pylist() == [MOMENT]


def test_a_date_is_its_midnight_in_utc() -> None:
    midnight = MOMENT.replace(hour=0, minute=0, second=0)
    assert read_times(pa.array(["2020-09-13"])).to_pylist() == [midnight]
    assert read_times(pa.array([midnight.date()])).to_pylist() == [midnight]


def test_what_is_no_time_is_null_and_leaves_its_neighbours_alone() -> None:
    wrong = ["soon", "2020-13-01", "2020-09-13T25:00:00Z", "1e9", "--5", "0000-01-01", "9" * 30]
    for text in wrong:
        column = pa.array([text, "2020-09-13T12:26:40Z", "1600000000", None, "2020-09-13 12:26:40"])
        assert read_times(column).to_pylist() == [None, MOMENT, MOMENT, None, MOMENT], text


def test_a_number_beyond_the_calendar_is_null() -> None:
    numbers = pa.array([float("nan"), float("inf"), 1e300, -1e10 * 9, 1.6e9])
    assert read_times(numbers).to_pylist() == [None, None, None, None, MOMENT]


@given(st.lists(st.tuples(MOMENTS, ZONES), min_size=1, max_size=5))
def test_any_time_is_read_back_whatever_its_zone(moments: list[tuple[datetime, timezone]]) -> None:
    written = []
    for moment, zone in moments:
        written += [moment.astimezone(zone).isoformat(), moment.replace(tzinfo=None).isoformat()]
    expected = [moment for moment, _ in moments for _ in range(2)]
    assert read_times(pa.array(written)).to_pylist() == expected


@given(st.lists(MOMENTS, min_size=1, max_size=5), st.booleans())
def test_a_time_is_the_same_whether_its_neighbours_are_plain_or_not(
    moments: list[datetime],
    plain: bool,  # noqa: FBT001
) -> None:
    odd = "2020-09-13" if plain else "20200913T122640Z"
    written = [*(moment.isoformat() for moment in moments), odd]
    assert read_times(pa.array(written)).to_pylist()[:-1] == moments
