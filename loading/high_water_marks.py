"""How far the rows of a database were read: a mark, and queries that go on from one."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Self

import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet as pq

from domain.errors import InvalidInputError
from loading.databases import spool_query
from loading.duck import literal

PLACEHOLDER = "{since}"

_STRICT = re.compile(r"(?<![<>=!])>\s*\{since\}|\{since\}\s*<(?![=>])")
_LOWEST = {
    "integer": "cast('-9223372036854775808' as bigint)",
    "number": "cast('-infinity' as double precision)",
    "timestamptz": "timestamptz '-infinity'",
    "timestamp": "timestamp '-infinity'",
    "date": "date '-infinity'",
    "text": "''",
}
"""What lies below all others, in PostgreSQL."""
_LOWEST_OF_SQLITE = "-9e999"
"""Numbers lie above it, and texts above all numbers."""
_NULLS = ("null", *(f"cast(null as {name})" for name in ("timestamptz", "timestamp", "bigint")))
_TIMES = {"timestamptz", "timestamp", "date"}
_CLOCK_TOLERANCE = timedelta(days=1)
"""A mark further ahead is a wrong time, which would keep later rows from being read."""


@dataclass(frozen=True, slots=True)
class HighWaterMark:
    """The greatest value of a column among the rows that were read."""

    column: str
    type: str
    """integer, number, timestamptz, timestamp, date or text."""
    value: str

    def to_dict(self) -> dict[str, str]:
        """As the store keeps it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Self:
        """What `to_dict` made."""
        return cls(**stored)

    def literal(self) -> str:
        """The value in SQL."""
        if self.type in {"integer", "number"}:
            return self.value
        prefix = "" if self.type == "text" else f"{self.type} "
        return f"{prefix}{literal(self.value)}"

    def or_later(self, other: "HighWaterMark | None") -> "HighWaterMark":
        """The later of two; this one, if they cannot be compared."""
        if other is None or (other.column, other.type) != (self.column, self.type):
            return self
        return self if _comparable(self) >= _comparable(other) else other


@dataclass(frozen=True, slots=True)
class IncrementalQuery:
    """A query that reads from a mark on; without a column it reads everything each time."""

    query: str
    column: str | None
    start: int | str | None = None
    """Where the first run begins; None: at the beginning."""

    def __post_init__(self) -> None:
        placed = PLACEHOLDER in self.query
        if placed and self.column is None:
            raise InvalidInputError(
                f"The query has {PLACEHOLDER}: say in `high_water_mark` which column of its answer"
                " it is compared with."
            )
        if self.column is not None and not placed:
            raise InvalidInputError(
                f"The query has no {PLACEHOLDER}. Write: where {self.column} >= {PLACEHOLDER}"
            )
        if _STRICT.search(self.query):
            raise InvalidInputError(
                f"Write >= {PLACEHOLDER} instead of > {PLACEHOLDER}: a row that gets the same value"
                " after it was read would never be read. Rows that are read twice are stored once."
            )

    def spooled(self, url: str, mark: HighWaterMark | None, spool: Path) -> Path:
        """A Parquet file with the answer, from the mark on.

        Raises InvalidInputError if the database cannot be asked, or the answer lacks the column.
        """
        since = self._first(url, spool) if mark is None else mark.literal()
        path = spool_query(url, self.query.replace(PLACEHOLDER, since), spool)
        if self.column is not None:
            _require(self.column, pq.read_schema(path))
        return path

    def _first(self, url: str, spool: Path) -> str:
        if self.column is None:
            return ""
        if isinstance(self.start, int):
            return str(self.start)
        if self.start is not None:
            return literal(self.start)
        if url.startswith("sqlite"):
            return _LOWEST_OF_SQLITE
        schema = self._schema(url, spool)
        _require(self.column, schema)
        return _LOWEST[type_of(schema.field(self.column))]

    def _schema(self, url: str, spool: Path) -> pa.Schema:
        """The columns of the answer: nothing is greater than null, so it has no rows."""
        refused = None
        for null in _NULLS:
            try:
                path = spool_query(url, self.query.replace(PLACEHOLDER, null), spool)
            except InvalidInputError as error:
                refused = refused or error
            else:
                return pq.read_schema(path)
        raise InvalidInputError(
            f"{refused} If the reason is what {PLACEHOLDER} stands for on the first run, say in"
            " `start` where to begin."
        ) from refused


def reached(path: Path, column: str, now: datetime) -> tuple[HighWaterMark | None, int]:
    """The greatest value of a column of a Parquet file, and how many rows lie in the future.

    Those, more than a day ahead of `now`, count for nothing. None: no row has a value.
    """
    ahead, found = 0, []
    with pq.ParquetFile(path) as file:
        kind = type_of(file.schema_arrow.field(column))
        latest = now.astimezone(UTC).replace(tzinfo=None) + _CLOCK_TOLERANCE
        for batch in file.iter_batches(columns=[column]):
            values = batch.column(0)
            if kind in _TIMES:
                values = pa.compute.cast(values, pa.timestamp("us"), safe=False)
                is_ahead = pa.compute.greater(values, pa.scalar(latest))
                ahead += pa.compute.sum(is_ahead).as_py() or 0
                values = values.filter(pa.compute.invert(is_ahead))
            elif pa.types.is_floating(values.type):
                values = values.filter(pa.compute.is_finite(values))
            found.append(pa.compute.max(values).as_py())
    known = [value for value in found if value is not None]
    if not known:
        return None, ahead
    return HighWaterMark(column, kind, _written(max(known), kind)), ahead


def type_of(field: pa.Field) -> str:
    """The type of a mark in such a column; InvalidInputError if there is none."""
    metadata = field.metadata or {}
    kind = field.type
    if metadata.get(b"ADBC:postgresql:typname") == b"numeric":
        raise InvalidInputError(
            f"The high-water mark {field.name} is numeric: cast it to bigint or double precision in"
            " the query."
        )
    if pa.types.is_integer(kind):
        return "integer"
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return "number"
    if pa.types.is_timestamp(kind):
        return "timestamp" if kind.tz is None else "timestamptz"
    if pa.types.is_date(kind):
        return "date"
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return "text"
    raise InvalidInputError(
        f"The high-water mark {field.name} is of the type {kind}: it must be a time, a date, a"
        " number or text."
    )


def _require(column: str, schema: pa.Schema) -> None:
    if column not in schema.names:
        raise InvalidInputError(
            f"The answer of the query has no column {column}, the high-water mark; it has"
            f" {', '.join(schema.names)}."
        )


def _written(value: object, kind: str) -> str:
    if isinstance(value, datetime):
        if kind == "date":
            return value.date().isoformat()
        zone = "+00:00" if kind == "timestamptz" else ""
        return f"{value.isoformat(sep=' ')}{zone}"
    if isinstance(value, date):
        return value.isoformat()
    return repr(value) if isinstance(value, float) else str(value)


def _comparable(mark: HighWaterMark) -> Any:
    if mark.type in {"integer", "number"}:
        return Decimal(mark.value)
    if mark.type in _TIMES:
        return datetime.fromisoformat(mark.value)
    return mark.value
