"""Times as files write them, to microseconds since 1970 in UTC."""

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from domain.errors import InvalidInputError
from loading.columnar import is_text

UTC_MICROSECONDS = pa.timestamp("us", "UTC")

# Epoch seconds reach this in the year 5138, epoch milliseconds passed it in 1973.
_FEWEST_MILLISECONDS = 1e11

# Of the year 10000 in seconds: later times, and earlier than the year 1, no calendar here can show.
_LATEST_SECONDS = 253_402_300_800.0
_EARLIEST_SECONDS = -62_135_596_800.0

_NUMBER = r"^\s*-?\d+(\.\d*)?\s*$"
_WITH_ZONE = r"T?\d\d(:\d\d(:\d\d(\.\d+)?)?)?(Z|[+-]\d\d(:?\d\d)?)$"


def read_times(column: pa.Array) -> pa.Array:
    """The times of a column of text, numbers, dates or timestamps; null where there is none.

    A time without zone is in UTC. Null where a time cannot be read as well; a type that cannot
    hold times raises InvalidInputError.
    """
    kind = column.type
    if pa.types.is_null(kind):
        return pa.nulls(len(column), UTC_MICROSECONDS)
    if is_text(kind):
        return _of_text(column)
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return _in_calendar(_of_timestamps(column))
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return _of_numbers(column)
    raise InvalidInputError(
        f"The times are of the type {kind}, which is neither a timestamp nor a number nor text."
    )


def _of_timestamps(column: pa.Array) -> pa.Array:
    zone = getattr(column.type, "tz", None)
    target = UTC_MICROSECONDS if zone else pa.timestamp("us")
    return pc.cast(pc.cast(column, target, safe=False), UTC_MICROSECONDS)


def _of_numbers(column: pa.Array) -> pa.Array:
    numbers = pc.cast(column, pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    seconds = np.where(np.abs(numbers) >= _FEWEST_MILLISECONDS, numbers / 1e3, numbers)
    fits = np.isfinite(seconds) & (seconds >= _EARLIEST_SECONDS) & (seconds < _LATEST_SECONDS)
    return _microseconds(np.rint(np.where(fits, seconds, 0.0) * 1e6).astype(np.int64), fits)


def _of_text(column: pa.Array) -> pa.Array:
    is_number = pc.match_substring_regex(column, _NUMBER)
    numbers = pc.if_else(is_number, pc.utf8_trim_whitespace(column), None)
    of_numbers = _of_numbers(pc.cast(numbers, pa.float64()))
    if pc.all(pc.or_(is_number, pc.is_null(column)), min_count=0).as_py():
        return of_numbers
    of_calendar = _of_iso(pc.if_else(is_number, None, column))
    return pc.coalesce(of_numbers, of_calendar)


def _of_iso(column: pa.Array) -> pa.Array:
    """All at once if every text is of the plain form; otherwise one by one, to the same result."""
    with_zone = pc.match_substring_regex(column, _WITH_ZONE)
    try:
        zoned = pc.cast(pc.if_else(with_zone, column, None), UTC_MICROSECONDS)
        plain = pc.cast(pc.if_else(with_zone, None, column), pa.timestamp("us"))
    except pa.ArrowInvalid:
        return pa.array([_parse(text) for text in column.to_pylist()], UTC_MICROSECONDS)
    return _in_calendar(pc.coalesce(zoned, pc.cast(plain, UTC_MICROSECONDS)))


def _parse(text: str | None) -> datetime | None:
    try:
        time = datetime.fromisoformat(text or "")
        return (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _in_calendar(times: pa.Array) -> pa.Array:
    microseconds = pc.fill_null(pc.cast(times, pa.int64()), 0).to_numpy(zero_copy_only=False)
    fits = (microseconds >= _EARLIEST_SECONDS * 1e6) & (microseconds < _LATEST_SECONDS * 1e6)
    fits &= times.is_valid().to_numpy(zero_copy_only=False)
    return _microseconds(microseconds, fits)


def _microseconds(values: NDArray[np.int64], valid: NDArray[Any]) -> pa.Array:
    return pc.cast(pa.array(values, mask=~valid), UTC_MICROSECONDS)
