"""Events of a chunk: checked all at once, and made ready to be stored."""

import json
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from domain.errors import InvalidInputError
from domain.identifiers import LONGEST_ID, event_uuid, id_fault
from domain.interactions import EventKind, Scale
from loading.chunks import Chunk, Reject
from loading.columnar import decoded, is_text
from loading.layouts import Layout
from loading.reasons import ID_REASONS, Reason
from loading.times import UTC_MICROSECONDS, read_times

DEFAULT_KIND = "view"
CLOCK_TOLERANCE = timedelta(seconds=60)

_NUMBER = r"^\s*-?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*$"
_PLAIN_ID = r"^[!-~]*[!--/-~][!-~]*$"
_NAMELESS_EVENTS = uuid.UUID("0f5a3c8e-7d21-4c64-9a55-c6d2b7e49a13")

Mask = NDArray[np.bool_]

_REASONS = tuple(Reason)
_GOOD = -1


@dataclass(frozen=True, slots=True)
class CheckedEvents:
    """The good events of a chunk."""

    table: pa.Table
    """row_index (in the chunk), event_id (16 bytes), user_id, item_id, kind_no, value, strength,
    scale_least and scale_greatest (null: no rating), occurred_at, and time_given: whether the file
    says when."""
    rejects: list[Reject]


class _Verdicts:
    """The first reason found against each row."""

    def __init__(self, size: int) -> None:
        self._found: NDArray[np.int8] = np.full(size, _GOOD, dtype=np.int8)

    def reject(self, rows: Mask, reason: Reason) -> None:
        self._found[rows & self.good] = _REASONS.index(reason)

    @property
    def good(self) -> Mask:
        good: Mask = self._found == _GOOD
        return good

    def rejects(self, chunk: Chunk) -> list[Reject]:
        bad = np.flatnonzero(~self.good)
        return [chunk.reject(int(at), _REASONS[self._found[at]]) for at in bad]


def check_events(
    chunk: Chunk, layout: Layout, kinds_by_name: Mapping[str, EventKind], now: datetime
) -> CheckedEvents:
    """The events of a chunk that may be stored, and those that may not.

    An event without time, in a file without times, is given the time `now`. Raises
    InvalidInputError if a column is of a type that cannot hold what its name says.
    """
    verdicts = _Verdicts(chunk.size)
    user_ids = _ids(chunk, layout, "user_id", verdicts, missing=Reason.NO_USER_ID)
    item_ids = _ids(chunk, layout, "item_id", verdicts, missing=Reason.NO_ITEM_ID)
    event_ids = _ids(chunk, layout, "event_id", verdicts, missing=None)
    kind_nos = {name: int(kind.kind_no) for name, kind in kinds_by_name.items()}
    kinds = _kinds(chunk, layout, kind_nos, verdicts)
    values = _values(chunk, layout, verdicts)
    _reject_values(kinds, values, layout.scale, kinds_by_name.values(), verdicts)
    times = _times(chunk, layout, now, verdicts)
    columns = {
        "row_index": pa.array(np.arange(chunk.size, dtype=np.int32)),
        "event_id": event_ids,
        "user_id": user_ids,
        "item_id": item_ids,
        "kind_no": kinds,
        "value": values,
        **_weighed(kinds, values, layout.scale, kinds_by_name.values()),
        "occurred_at": times,
        "time_given": times.is_valid(),
    }
    good = pa.table(columns).filter(pa.array(verdicts.good))
    named = good.set_column(good.schema.get_field_index("event_id"), "event_id", _event_uuids(good))
    return CheckedEvents(_with_times(named, now), verdicts.rejects(chunk))


def _column(chunk: Chunk, layout: Layout, name: str) -> pa.Array | None:
    """A column as Arrow has it; None if the file has none of that name."""
    if name not in layout.columns:
        return None
    column = chunk.columns.get(layout.columns[name])
    if column is None:
        return pa.nulls(chunk.size, pa.string())
    if isinstance(column, list):
        return pa.array([_as_text(value) for value in column], pa.string())
    return decoded(column)


def _as_text(value: object) -> str | None:
    if isinstance(value, str) or value is None:
        return value
    return json.dumps(value)


def _ids(
    chunk: Chunk, layout: Layout, name: str, verdicts: _Verdicts, *, missing: Reason | None
) -> pa.Array:
    column = _column(chunk, layout, name)
    if column is None:
        return pa.nulls(chunk.size, pa.string())
    if not (is_text(column.type) or pa.types.is_integer(column.type) or _is_empty(column)):
        raise InvalidInputError(
            f"The column {layout.columns[name]} of {chunk.file} is of the type {column.type}; "
            "ids are text or whole numbers."
        )
    texts = _none_if_empty(pc.cast(column, pa.string()))
    if missing is not None:
        verdicts.reject(_true(texts.is_null()), missing)
    verdicts.reject(_not_an_id(chunk, layout.columns[name]), Reason.ID_NOT_TEXT)
    verdicts.reject(_true(pc.greater(pc.utf8_length(texts), LONGEST_ID)), Reason.ID_TOO_LONG)
    _reject_unclean(texts, verdicts)
    return texts


def _reject_unclean(texts: pa.Array, verdicts: _Verdicts) -> None:
    """Reject ids with characters that no id may have; most are plain and need no second look."""
    plain = _true(pc.match_substring_regex(texts, _PLAIN_ID))
    doubtful = np.flatnonzero(_true(texts.is_valid()) & ~plain)
    found = {at: id_fault(texts[int(at)].as_py()) for at in doubtful}
    for fault, reason in ID_REASONS.items():
        rows = np.zeros(len(texts), dtype=np.bool_)
        rows[[at for at, its in found.items() if its is fault]] = True
        verdicts.reject(rows, reason)


def _is_empty(column: pa.Array) -> bool:
    return bool(pa.types.is_null(column.type))


def _not_an_id(chunk: Chunk, name: str) -> Mask:
    """Which parsed JSON values are no ids; Arrow columns are of one type, which is checked."""
    column = chunk.columns.get(name)
    if not isinstance(column, list):
        return np.zeros(chunk.size, dtype=np.bool_)
    return np.array([type(value) not in _ID_TYPES for value in column], dtype=np.bool_)


_ID_TYPES = frozenset({str, int, type(None)})


def _kinds(
    chunk: Chunk, layout: Layout, kind_nos: Mapping[str, int], verdicts: _Verdicts
) -> pa.Array:
    column = _column(chunk, layout, "kind")
    if column is None:
        kind_no = kind_nos[layout.kind or DEFAULT_KIND]
        return pa.array(np.full(chunk.size, kind_no, dtype=np.int16))
    kinds = pc.fill_null(_none_if_empty(pc.cast(column, pa.string())), DEFAULT_KIND)
    known = pa.array(kind_nos, pa.string())
    found = pc.index_in(kinds, known)
    verdicts.reject(_true(found.is_null()), Reason.UNKNOWN_KIND)
    return pc.take(pa.array(kind_nos.values(), pa.int16()), found)


def _values(chunk: Chunk, layout: Layout, verdicts: _Verdicts) -> pa.Array:
    column = _column(chunk, layout, "value")
    if column is None:
        return pa.nulls(chunk.size, pa.float32())
    given = column.is_valid()
    if is_text(column.type):
        texts = _none_if_empty(column)
        given = texts.is_valid()
        numeric = pc.match_substring_regex(texts, _NUMBER)
        column = pc.utf8_trim_whitespace(pc.if_else(numeric, texts, None))
    try:
        numbers = pc.cast(column, pa.float64(), safe=False)
    except pa.ArrowNotImplementedError as error:
        raise InvalidInputError(f"The values of {chunk.file} are not numbers: {error}.") from error
    values = pc.cast(numbers, pa.float32(), safe=False)
    verdicts.reject(_true(given) & ~_true(pc.is_finite(values)), Reason.INVALID_VALUE)
    if layout.kind is not None:
        verdicts.reject(~_true(given), Reason.NO_RATING)
    return values


def _reject_values(
    kinds: pa.Array,
    values: pa.Array,
    scale: Scale | None,
    known: Iterable[EventKind],
    verdicts: _Verdicts,
) -> None:
    """Reject what the kind of an event says its value must not be."""
    kind_nos = pc.fill_null(kinds, 0).to_numpy(zero_copy_only=False)
    numbers = pc.cast(values, pa.float64()).to_numpy(zero_copy_only=False)
    given = _true(values.is_valid())
    for kind in known:
        of_kind = kind_nos == kind.kind_no
        least, most = kind.smallest_value, kind.greatest_value
        if scale is not None and kind.rating_scale is not None:
            least, most = scale.least, scale.greatest
        if least is None or most is None:
            verdicts.reject(of_kind & given, Reason.VALUE_UNASKED)
            continue
        verdicts.reject(of_kind & ~given, Reason.NO_VALUE)
        beyond = (numbers < np.float32(least)) | (numbers > np.float32(most))
        verdicts.reject(of_kind & given & beyond, Reason.VALUE_OUT_OF_BOUNDS)


def _weighed(
    kinds: pa.Array, values: pa.Array, scale: Scale | None, known: Iterable[EventKind]
) -> dict[str, pa.Array]:
    """What values make of the weights of their kinds, and what ratings lie on."""
    kind_nos = pc.fill_null(kinds, 0).to_numpy(zero_copy_only=False)
    numbers = pc.cast(values, pa.float64()).to_numpy(zero_copy_only=False)
    strengths, least, greatest = (np.full(len(numbers), np.nan) for _ in range(3))
    for kind in known:
        of_kind = kind_nos == kind.kind_no
        strengths[of_kind] = kind.strengths(numbers[of_kind], scale)
        lies_on = scale or kind.rating_scale
        if kind.rating_scale is not None and lies_on is not None:
            least[of_kind], greatest[of_kind] = lies_on.least, lies_on.greatest
    return {
        "strength": pc.cast(pa.array(strengths, from_pandas=True), pa.float32()),
        "scale_least": pa.array(least, from_pandas=True),
        "scale_greatest": pa.array(greatest, from_pandas=True),
    }


def _times(chunk: Chunk, layout: Layout, now: datetime, verdicts: _Verdicts) -> pa.Array:
    column = _column(chunk, layout, "time")
    if column is None:
        return pa.nulls(chunk.size, UTC_MICROSECONDS)
    if is_text(column.type):
        column = _none_if_empty(column)
    times = read_times(column)
    latest = pa.scalar(now + CLOCK_TOLERANCE, UTC_MICROSECONDS)
    verdicts.reject(_true(column.is_null()), Reason.NO_TIME)
    verdicts.reject(_true(times.is_null()), Reason.UNREADABLE_TIME)
    verdicts.reject(_true(pc.greater(times, latest)), Reason.FUTURE_TIME)
    return times


def _event_uuids(events: pa.Table) -> pa.Array:
    """The ids the events are stored under, 16 bytes each.

    An event without id is known by what it says, so that loading it again is seen as a repetition.
    """
    names = ("event_id", "user_id", "item_id", "kind_no", "value")
    columns = [events[name].to_pylist() for name in names]
    times = pc.cast(events["occurred_at"], pa.int64()).to_pylist()
    identified = [
        event_uuid(event_id).bytes if event_id is not None else _uuid_of(*content)
        for event_id, *content in zip(*columns, times, strict=True)
    ]
    return pa.array(identified, pa.binary())


def _uuid_of(
    user_id: str, item_id: str, kind_no: int, value: float | None, microseconds: int | None
) -> bytes:
    content = f"{len(user_id)} {user_id} {len(item_id)} {item_id} {kind_no} {value} {microseconds}"
    return uuid.uuid5(_NAMELESS_EVENTS, content).bytes


def _with_times(events: pa.Table, now: datetime) -> pa.Table:
    at = events.schema.get_field_index("occurred_at")
    filled = pc.fill_null(events["occurred_at"], pa.scalar(now.astimezone(UTC), UTC_MICROSECONDS))
    return events.set_column(at, "occurred_at", filled)


def _none_if_empty(texts: pa.Array) -> pa.Array:
    return pc.if_else(pc.equal(texts, ""), None, texts)


def _true(mask: pa.Array) -> Mask:
    """Null counts as false."""
    return np.asarray(pc.fill_null(mask, False).to_numpy(zero_copy_only=False), dtype=np.bool_)
