"""Values as they come in bodies and queries, taken as the documentation says them."""

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

import orjson
from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    GetJsonSchemaHandler,
    StringConstraints,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from domain.identifiers import DRAWN_AS_NOTHING, LONGEST_ID, ME, IdFault, id_fault, is_visible
from domain.limits import (
    MOST_ATTRIBUTE_BYTES,
    MOST_ATTRIBUTE_KEYS,
    AttributesFault,
    attributes_shape_fault,
)

_INTEGER = re.compile(r"-?(0|[1-9][0-9]*)")
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_NOT_STORABLE = re.compile("[\0\ud800-\udfff]")
_LONGEST_NUMBER = 40
_BOOLEANS = {"true": True, "false": False}
MOST_WORDS = 50
MOST_ITEMS = 50
MOST_LEFT_OUT = 200


@dataclass(frozen=True)
class Documented:
    """Keywords of JSON Schema beside those that pydantic makes of a type."""

    keywords: Mapping[str, Any]

    __hash__ = object.__hash__

    def __get_pydantic_json_schema__(
        self, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """The schema with the keywords."""
        return {**handler(core_schema), **self.keywords}


def without_default(schema: dict[str, Any]) -> None:
    """Of a field of a patch: what is left out stays as it is, and that is no value."""
    schema.pop("default", None)


_CONTROL = "\\u0000-\\u001f\\u007f-\\u009f"
_NOTHING = "".join(f"\\u{ord(each):04x}" for each in sorted(DRAWN_AS_NOTHING))

WITHOUT_NUL = Documented({"pattern": "^[^\\u0000]*$"})
"""PostgreSQL keeps no text with it."""

NOT_BLANK = Documented({"pattern": "^[^\\u0000]*[^\\s\\u0000][^\\u0000]*$"})

ONE_NAME = Documented(
    {
        "pattern": f"^(?!\\.{{1,2}}$)(?![{_NOTHING}]+$)[^\\s{_CONTROL}]"
        f"(?:[^{_CONTROL}\\u2028\\u2029]*[^\\s{_CONTROL}])?$"
    }
)
"""Neither blanks around it nor control characters in it, and something that can be seen."""

ONE_NAME_OR_NONE = Documented({"pattern": f"^$|{ONE_NAME.keywords['pattern']}"})

STORABLE_VALUES = Documented(
    {
        "additionalProperties": {
            "anyOf": [
                {"type": "string", **WITHOUT_NUL.keywords},
                {
                    "type": "integer",
                    "format": "int64",
                    "exclusiveMinimum": -(2**63),
                    "exclusiveMaximum": 2**63,
                },
                {"type": "number"},
                {"type": "boolean"},
                {"type": "null"},
                {"type": "array", "items": {}},
                {"type": "object", "additionalProperties": True},
            ]
        },
        "propertyNames": WITHOUT_NUL.keywords,
    }
)
"""Attributes; what is nested in them is bounded in the same way."""


def storable_text(text: str) -> str:
    """PostgreSQL keeps no text with the character U+0000 or half a surrogate pair."""
    if _NOT_STORABLE.search(text):
        raise ValueError("the character U+0000 and lone surrogates are not allowed")
    return text


def identifier(text: str) -> str:
    """The id or category as it is; it is never changed to make it a good one."""
    fault = id_fault(text)
    if fault is not None:
        raise ValueError(fault.value)
    return text


def not_me(text: str) -> str:
    """The id of a user, if it is not the one that stands for the user of a token."""
    if text == ME:
        raise ValueError(IdFault.RESERVED.value)
    return text


def category_or_none(text: str) -> str:
    """The same, or nothing."""
    return identifier(text) if text else text


Text = Annotated[str, AfterValidator(storable_text), WITHOUT_NUL]
Identifier = Annotated[
    str,
    StringConstraints(min_length=1, max_length=LONGEST_ID),
    AfterValidator(identifier),
    ONE_NAME,
]
UserIdentifier = Annotated[Identifier, AfterValidator(not_me)]
"""The id of a user. `me` has become the id of a token's user before it comes here."""


def _written_as(form: re.Pattern[str], what: str) -> Callable[[Any], Any]:
    def check(given: Any) -> Any:
        if isinstance(given, str) and not (len(given) <= _LONGEST_NUMBER and form.fullmatch(given)):
            raise ValueError(f"give {what}, with nothing before or after it")
        return given

    return check


def _true_or_false(given: Any) -> Any:
    if isinstance(given, str) and given not in _BOOLEANS:
        raise ValueError("give true or false")
    return _BOOLEANS[given] if isinstance(given, str) else given


AS_INTEGER = BeforeValidator(_written_as(_INTEGER, "a whole number such as 20"))
"""Pydantic takes blanks, signs, leading zeros and digits of other scripts too.

It stands after the bounds of a number, or the documentation would not have them.
"""

AS_NUMBER = BeforeValidator(_written_as(_NUMBER, "a number such as 0.5"))

QueryBoolean = Annotated[bool, BeforeValidator(_true_or_false)]
"""Pydantic takes 1, no, t and others too."""


def _iso_text(given: Any) -> Any:
    """A bare number could mean seconds or milliseconds, so it is not taken."""
    if isinstance(given, str) and "-" not in given:
        raise ValueError("give a time in ISO 8601, such as 2026-03-01T12:00:00Z")
    if not isinstance(given, (str, datetime)):
        raise ValueError("give a time as text in ISO 8601, such as 2026-03-01T12:00:00Z")  # noqa: TRY004 -- pydantic reports ValueError
    return given


def _with_zone(given: datetime) -> datetime:
    return given if given.tzinfo is not None else given.replace(tzinfo=UTC)


Moment = Annotated[datetime, BeforeValidator(_iso_text), AfterValidator(_with_zone)]


def _storable(given: dict[str, Any]) -> dict[str, Any]:
    """What JSONB can keep and orjson can write, and no more than may be said."""
    fault = attributes_shape_fault(given)
    if fault is not None:
        raise ValueError(fault.value)
    level: list[Any] = [given]
    while level:
        level = [inner for value in level for inner in _inner_values(value)]
    if len(orjson.dumps(given)) > MOST_ATTRIBUTE_BYTES:
        raise ValueError(AttributesFault.TOO_LARGE.value)
    return given


def _inner_values(value: Any) -> Iterable[Any]:
    """What stands directly in an object or a list; ValueError for a value that is not storable."""
    if isinstance(value, dict):
        return (*value, *value.values())
    if isinstance(value, list):
        return value
    if isinstance(value, str):
        storable_text(value)
    elif isinstance(value, int) and abs(value) >= 2**63:
        raise ValueError("whole numbers must fit in 64 bits")
    elif isinstance(value, float) and not math.isfinite(value):
        raise ValueError("NaN and Infinity are not JSON")
    return ()


Attributes = Annotated[
    dict[str, Any],
    AfterValidator(_storable),
    STORABLE_VALUES,
    Field(
        description=f"At most {MOST_ATTRIBUTE_BYTES:,} bytes as JSON, and {MOST_ATTRIBUTE_KEYS:,}"
        " keys in all."
    ),
]


def _once_spaced(text: str) -> str:
    if not is_visible(text):
        raise ValueError("it is blank; give a word as people write it")
    return " ".join(text.split())


Phrase = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST_ID),
    AfterValidator(storable_text),
    AfterValidator(_once_spaced),
    NOT_BLANK,
]


def distinct_items(item_ids: list[str]) -> list[str]:
    """Ids of items, none of them twice."""
    if len(set(item_ids)) < len(item_ids):
        raise ValueError("an item stands there twice")
    return item_ids
