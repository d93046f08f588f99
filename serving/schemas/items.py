"""The bodies of /v1/items."""

import math
from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any

import orjson
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from domain.identifiers import is_visible
from domain.limits import (
    LONGEST_DESCRIPTION,
    LONGEST_TITLE,
    MOST_ATTRIBUTE_BYTES,
    MOST_ATTRIBUTE_KEYS,
    MOST_CATEGORIES,
    AttributesFault,
    attributes_shape_fault,
)
from serving.schemas.documented import NOT_BLANK, STORABLE_VALUES, Documented
from serving.schemas.identifiers import Identifier, Text, storable_text


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


def _titled(given: str) -> str:
    """ValueError for a title of which nothing would be seen."""
    if not is_visible(given):
        raise ValueError("the title is blank; give the name by which people know the item")
    return given


Title = Annotated[
    str,
    StringConstraints(strip_whitespace=True, max_length=LONGEST_TITLE),
    AfterValidator(storable_text),
    AfterValidator(_titled),
    Documented({"minLength": 1, **NOT_BLANK.keywords}),
]


class ItemBody(BaseModel):
    """All that is said of an item; what is left out takes its default."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "title": "Seven",
                    "categories": ["thriller"],
                    "description": "Two detectives hunt a killer.",
                    "attributes": {"year": 1995},
                    "available": True,
                }
            ]
        },
    )

    title: Title
    categories: Annotated[list[Identifier], Field(max_length=MOST_CATEGORIES)] = []
    description: Annotated[Text, Field(max_length=LONGEST_DESCRIPTION)] = ""
    attributes: Attributes = {}
    available: bool = Field(True, strict=True, description="Whether it may be recommended.")


class StoredItemAnswer(ItemBody):
    """An item as the catalogue has it, and files may bring in more than a request may say."""

    model_config = ConfigDict(extra="ignore", from_attributes=True)

    title: str
    categories: list[str]
    description: str
    attributes: dict[str, Any]
    item_id: str
    created_at: datetime
    updated_at: datetime
