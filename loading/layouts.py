"""Which columns a file has, and what they make it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from domain.interactions import Scale

FORMATS = (
    "CSV (.csv, .tsv), JSON lines (.jsonl, .ndjson), both also with .gz, and Parquet (.parquet)"
)

EXPECTED = (
    "Expected are events with the columns user_id and item_id (optional: kind, value, occurred_at "
    "or timestamp or time, event_id), items with the columns item_id and title (optional: "
    "categories, description, attributes, available), or the MovieLens files ratings.csv, "
    "movies.csv and tags.csv."
)

_TIME_COLUMNS = ("occurred_at", "timestamp", "time")


class Content(Enum):
    """What the rows of a file are."""

    EVENTS = auto()
    ITEMS = auto()
    MOVIES = auto()
    TAGS = auto()


@dataclass(frozen=True, slots=True)
class Layout:
    """How to read the rows of a file."""

    content: Content
    columns: Mapping[str, str]
    """The file's name of each column of ours it has: user_id, item_id, kind, value, time, event_id;
    empty for items."""
    kind: str | None = None
    """The kind of all events of the file; None: the column says it, or else they are views."""
    scale: Scale | None = None
    """What the ratings of the file lie on; None: on the scale of their kind."""


def find_layout(names: Sequence[str]) -> Layout | None:
    """The layout of a file by the names of its columns; None if they are not enough."""
    given = set(names)
    if {"user_id", "item_id"} <= given:
        return Layout(Content.EVENTS, _event_columns(given))
    if {"item_id", "title"} <= given:
        return Layout(Content.ITEMS, {})
    if {"userId", "movieId", "rating", "timestamp"} <= given:
        return Layout(Content.EVENTS, _RATINGS, kind="rate", scale=_HALF_STARS)
    if {"movieId", "title", "genres"} <= given:
        return Layout(Content.MOVIES, {})
    if {"userId", "movieId", "tag"} <= given:
        return Layout(Content.TAGS, {})
    return None


_HALF_STARS = Scale(0.5, 5.0)
_RATINGS = {"user_id": "userId", "item_id": "movieId", "value": "rating", "time": "timestamp"}


def _event_columns(given: set[str]) -> dict[str, str]:
    names = ("user_id", "item_id", "kind", "value", "event_id")
    columns = {name: name for name in names if name in given}
    time = next((name for name in _TIME_COLUMNS if name in given), None)
    return columns | ({"time": time} if time else {})
