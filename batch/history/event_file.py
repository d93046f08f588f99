"""A log in a file: user, item and time a line, for replay without a database."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from batch.history.interactions import Contexts, Interactions
from domain.errors import InvalidInputError
from domain.identifiers import KindNo
from domain.interactions import EventKind, KindTable

COLUMNS = ("user_id", "item_id", "timestamp")
ALIASES = {
    "userid": "user_id",
    "movieid": "item_id",
    "itemid": "item_id",
    "time": "timestamp",
    "occurred_at": "timestamp",
}
"""Other names the columns may have, in lower case."""

USED = KindTable((EventKind(KindNo(1), "used", 1.0, marks_seen=True),))


def read_event_file(path: Path, context: Sequence[str] = ()) -> Interactions:
    """Interactions in the order of histories, each user and item once, at its first time.

    Comma or tab separated with a header; the columns user_id, item_id and timestamp (seconds since
    1970 or ISO 8601) in any order, others ignored. Users and items are numbered in the order of
    their ids, as numbers if all of them are, so that the order of the lines says nothing. `context`
    are further columns, which say where an interaction occurred; empty: it says nothing.

    Raises InvalidInputError if the file is missing, lacks a column or has an unreadable time.
    """
    frame = _read(path, context)
    frame["seconds"] = seconds_of(frame["timestamp"], path)
    frame = frame.sort_values("seconds", kind="stable").drop_duplicates(["user_id", "item_id"])
    count = len(frame)
    return Interactions(
        USED,
        _numbers(frame["user_id"]),
        _numbers(frame["item_id"]),
        np.ones(count, dtype=np.int16),
        np.full(count, np.nan, dtype=np.float32),
        (frame["seconds"].to_numpy() * 1e6).astype("datetime64[us]"),
        _contexts(frame[list(context)]) if context else None,
    ).in_time_order()


def _contexts(columns: pd.DataFrame) -> Contexts:
    contexts = [
        tuple((name, value) for name, value in row.items() if isinstance(value, str) and value)
        for row in columns.to_dict("records")
    ]
    numbers: dict[tuple[tuple[Any, str], ...], int] = {(): 0}
    context_nos = [numbers.setdefault(context, len(numbers)) for context in contexts]
    by_no = {number: dict(context) for context, number in numbers.items() if context}
    return Contexts(np.array(context_nos, dtype=np.int32), by_no)


def read_item_numbers(path: Path) -> dict[str, int]:
    """The number that `read_event_file` gives each item of the file, by its id."""
    ids = _read(path)["item_id"]
    return dict(zip(ids, _numbers(ids).tolist(), strict=True))


def _numbers(ids: "pd.Series[str]") -> NDArray[np.int32]:
    """(n,) the place of each id among the distinct ones, in their order."""
    codes, distinct = pd.factorize(ids, sort=True)
    numeric = pd.to_numeric(pd.Series(distinct), errors="coerce").to_numpy(np.float64)
    if np.isnan(numeric).any():
        return codes.astype(np.int32)
    places = np.empty(len(distinct), dtype=np.int32)
    places[np.argsort(numeric, kind="stable")] = np.arange(len(distinct))
    return places[codes]


def _read(path: Path, further: Sequence[str] = ()) -> pd.DataFrame:
    """The three columns, by their common names, and the further ones."""
    try:
        frame = pd.read_csv(path, sep=separator_of(path), dtype=str)
    except (OSError, UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise InvalidInputError(f"{path} cannot be read as CSV: {error}") from error
    names = [str(name).strip().lower() for name in frame.columns]
    frame = frame.set_axis([common_name(name) for name in names], axis=1)
    missing = [name for name in (*COLUMNS, *further) if name not in frame]
    if missing:
        raise InvalidInputError(
            f"{path} lacks the column {', '.join(missing)}: it has {', '.join(names)}, and a log"
            f" needs {', '.join([*COLUMNS[:-1], *further])} and timestamp."
        )
    return frame[[*COLUMNS, *further]].dropna(subset=list(COLUMNS))


def separator_of(path: Path) -> str:
    """A tab if the heading has one, else a comma; OSError and UnicodeDecodeError."""
    with path.open(encoding="utf-8") as file:
        return "\t" if "\t" in file.readline() else ","


def common_name(name: str) -> str:
    """A column's name in lower case without blanks around it, or what it is an alias of."""
    lower = name.strip().lower()
    return ALIASES.get(lower, lower)


def seconds_of(times: "pd.Series[str]", path: Path) -> "pd.Series[float]":
    """Seconds since 1970 of times as text; InvalidInputError names the first line without one."""
    numbers = pd.to_numeric(times, errors="coerce")
    if numbers.notna().all():
        return numbers.astype(float)
    parsed = pd.to_datetime(times, errors="coerce", utc=True, format="ISO8601")
    unreadable = numbers.isna() if numbers.notna().any() else parsed.isna()
    if unreadable.any():
        line = int(np.flatnonzero(unreadable)[0]) + 2
        raise InvalidInputError(
            f"{path}, line {line}: {times.iloc[line - 2]!r} is no time; seconds since 1970 or"
            " ISO 8601 are."
        )
    return (parsed - pd.Timestamp(0, tz="UTC")).dt.total_seconds()
