"""How pages put numbers and times into words."""

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from markupsafe import Markup, escape

from serving.http.cursors import encoded_cursor

NOTHING = "\N{EM DASH}"
"""Where there is no value."""

_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400
_FEW_SECONDS = 5
_LONG_AGO_DAYS = 30
_FEW = 10
_CODE = re.compile(r"`([^`]+)`")


def format_ago(at: datetime | None) -> str:
    """How long ago something was, as `3 min ago`; a date once it is more than a month."""
    if at is None:
        return "never"
    seconds = (datetime.now(UTC) - at).total_seconds()
    if seconds < _FEW_SECONDS:
        return "just now"
    if seconds > _LONG_AGO_DAYS * _DAY:
        return f"{at:%d %b %Y}".lstrip("0")
    return f"{format_seconds(round(seconds))} ago"


def format_ahead(at: datetime) -> str:
    """In how long something is, as `in 3 h`."""
    seconds = (at - datetime.now(UTC)).total_seconds()
    return "now" if seconds < _FEW_SECONDS else f"in {format_seconds(round(seconds))}"


def format_seconds(seconds: float | None) -> str:
    """A time with the unit that suits it, as `1.4 s` or `3 min`."""
    if seconds is None:
        return NOTHING
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < _MINUTE:
        return f"{seconds:.0f} s" if seconds >= _FEW or seconds % 1 == 0 else f"{seconds:.1f} s"
    for unit, length in (("days", _DAY), ("h", _HOUR)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds / _MINUTE:.0f} min"


def format_moment(at: datetime | None) -> str:
    """A time in UTC, as `29 Nov, 03:00`."""
    return NOTHING if at is None else f"{at.astimezone(UTC):%d %b, %H:%M}".lstrip("0")


def typed_moment(at: datetime) -> str:
    """A time in UTC as a field for one has it."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}"


def trim_zeros(number: str) -> str:
    """A number as people type it, `5` instead of `5.0`."""
    return number.removesuffix(".0")


def format_count(count: float | None) -> str:
    """A whole number with commas."""
    return NOTHING if count is None else f"{count:,.0f}"


def format_score(score: float) -> str:
    """A score in [0, 1] with two decimals."""
    return f"{score:.2f}"


def format_percent(share: float | None) -> str:
    """A share in [0, 1] as a percentage."""
    return NOTHING if share is None else f"{share * 100:.0f} %"


def format_value(value: Any) -> str:
    """An attribute as people read it: lists with commas, and what is nested as JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return ", ".join(value)
    return json.dumps(value, ensure_ascii=False)


def format_indented(value: Any) -> str:
    """JSON on several lines."""
    return json.dumps(value, indent=2, ensure_ascii=False)


def format_coded(text: str) -> Markup:
    """A text in which what stands between backticks is shown as what is typed."""
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(text))))  # noqa: S704 -- escaped before


def cursor_after(number: int) -> str:
    """The cursor of what follows after a number."""
    return encoded_cursor(str(number))


def path_segment(text: str) -> str:
    """An id as one segment of a path, whatever is in it."""
    return quote(text, safe="")


FILTERS: Mapping[str, Callable[..., Any]] = {
    "ago": format_ago,
    "ahead": format_ahead,
    "seconds": format_seconds,
    "moment": format_moment,
    "count": format_count,
    "coded": format_coded,
    "indented": format_indented,
    "cursor": cursor_after,
    "score": format_score,
    "segment": path_segment,
    "percent": format_percent,
    "trim_zeros": trim_zeros,
    "typed_moment": typed_moment,
    "value": format_value,
}
"""What templates name them."""
