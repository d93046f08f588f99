"""How much may be said of an item or a user, over HTTP and in files alike.

The largest that may be said is stored within a second or two on a small machine.
"""

from collections.abc import Iterable, Mapping
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


class AttributesFault(StrEnum):
    """Why attributes are too much."""

    TOO_DEEP = f"objects and lists may be nested {DEEPEST_ATTRIBUTES} deep at most"
    TOO_MANY_KEYS = f"attributes may have {MOST_ATTRIBUTE_KEYS:,} keys in all at most"
    TOO_LARGE = f"attributes may take {MOST_ATTRIBUTE_BYTES:,} bytes as JSON at most"


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
