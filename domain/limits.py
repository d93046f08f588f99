"""How much may be said of an item, a user or an event, over HTTP and in files alike.

The largest that may be said is stored within a second or two on a small machine.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

LONGEST_TITLE = 500
"""Characters."""

LONGEST_DESCRIPTION = 100_000
"""Characters; the first 30,000 are searched and learned from."""

MOST_CATEGORIES = 100

MOST_ATTRIBUTE_BYTES = 65_536
"""Bytes of the attributes as compact JSON in UTF-8."""

MOST_ATTRIBUTE_KEYS = 1_000
"""Keys of the attributes and of all objects in them."""

DEEPEST_ATTRIBUTES = 100

DATES = ("publish_at", "expire_at")
"""Attributes between whose times lists show an item."""

MOST_CONTEXT = 20
"""Names of a context."""

CONTEXT_NAME = r"[a-z][a-z0-9_]{0,39}"
"""What a name of a context matches."""

LONGEST_CONTEXT_VALUE = 100
"""Characters."""

KEPT_CONTEXT = ("device", "daypart", "language")
"""Names of contexts that are kept with lists and events, if nobody says others."""

MOST_CONTEXTS = 10_000
"""Different contexts that are kept with lists and events."""

MOST_CONTEXT_VALUES = 200
"""Different values of one name in them."""

_CONTEXT_NAME = re.compile(CONTEXT_NAME, re.ASCII)
_MOMENT = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})", re.ASCII
)
_FARTHEST_ZONE = timedelta(hours=16)
"""PostgreSQL knows none so far from UTC."""


class AttributesFault(StrEnum):
    """Why attributes are too much."""

    TOO_DEEP = f"objects and lists may be nested {DEEPEST_ATTRIBUTES} deep at most"
    TOO_MANY_KEYS = f"attributes may have {MOST_ATTRIBUTE_KEYS:,} keys in all at most"
    TOO_LARGE = f"attributes may take {MOST_ATTRIBUTE_BYTES:,} bytes as JSON at most"


class DatesFault(StrEnum):
    """Why an item's dates are none."""

    UNREADABLE = (
        "the dates publish_at and expire_at must be texts of RFC 3339 with a zone, such as"
        " 2026-03-01T09:00:00Z, or null"
    )
    REVERSED = "the date expire_at must be later than publish_at, or no list ever shows the item"


class ContextFault(StrEnum):
    """Why a context is none."""

    NOT_TEXTS = 'a context is an object of texts, such as {"device": "phone"}'
    TOO_MANY_NAMES = f"a context has {MOST_CONTEXT} names at most"
    NAME = "a name of a context is up to 40 letters a-z, digits and _, and begins with a letter"
    VALUE = (
        f"a value of a context has 1 to {LONGEST_CONTEXT_VALUE} characters, and none of them NUL"
    )


def context_fault(given: object) -> ContextFault | None:
    """Whether what should be the context of an event is none."""
    if not isinstance(given, Mapping) or not all(isinstance(each, str) for each in given.values()):
        return ContextFault.NOT_TEXTS
    if len(given) > MOST_CONTEXT:
        return ContextFault.TOO_MANY_NAMES
    if not all(map(_CONTEXT_NAME.fullmatch, given)):
        return ContextFault.NAME
    return None if all(map(_is_storable, given.values())) else ContextFault.VALUE


def _is_storable(value: str) -> bool:
    """PostgreSQL keeps no text with the character U+0000 or half a surrogate pair."""
    is_text = "\0" not in value and not any("\ud800" <= each <= "\udfff" for each in value)
    return is_text and 0 < len(value) <= LONGEST_CONTEXT_VALUE


def dates_fault(attributes: Mapping[str, Any]) -> DatesFault | None:
    """Whether `publish_at` or `expire_at` among an item's attributes cannot be followed."""
    given = [attributes[name] for name in DATES if attributes.get(name) is not None]
    if not given:
        return None
    moments = [_moment(value) for value in given]
    if None in moments:
        return DatesFault.UNREADABLE
    published, expired = moments[0], moments[-1]
    if published and expired and len(moments) == len(DATES) and expired <= published:
        return DatesFault.REVERSED
    return None


def _moment(value: Any) -> datetime | None:
    """What a text of RFC 3339 says; None if it is none, or outside of the calendar."""
    if not isinstance(value, str) or not _MOMENT.fullmatch(value):
        return None
    try:
        moment = datetime.fromisoformat(value.upper())
    except ValueError:
        return None
    offset = moment.utcoffset()
    return moment if offset is not None and abs(offset) < _FARTHEST_ZONE else None


def attributes_shape_fault(given: Mapping[str, Any]) -> AttributesFault | None:
    """Whether attributes are nested too deep or have too many keys."""
    keys, level = 0, [given]
    for _ in range(DEEPEST_ATTRIBUTES):
        keys += sum(len(value) for value in level if isinstance(value, Mapping))
        if keys > MOST_ATTRIBUTE_KEYS:
            return AttributesFault.TOO_MANY_KEYS
        level = [inner for value in level for inner in _inner(value)]
    return AttributesFault.TOO_DEEP if level else None


def _inner(value: Any) -> Iterable[Any]:
    values = value.values() if isinstance(value, Mapping) else value
    return (value for value in values if isinstance(value, (Mapping, list)))
