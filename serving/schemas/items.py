"""The bodies of /v1/items."""

import math
from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from serving.schemas.identifiers import Identifier, Text


def _storable(given: dict[str, Any]) -> dict[str, Any]:
    """What JSONB can keep, at any depth, and orjson can write."""
    open_values: list[Any] = [given]
    while open_values:
        value = open_values.pop()
        if isinstance(value, dict):
            open_values.extend(value)
            open_values.extend(value.values())
        elif isinstance(value, list):
            open_values.extend(value)
        elif isinstance(value, str) and ("\0" in value or not _is_unicode(value)):
            raise ValueError("the character U+0000 and lone surrogates are not allowed")
        elif isinstance(value, int) and abs(value) >= 2**63:
            raise ValueError("whole numbers must fit in 64 bits")
        elif isinstance(value, float) and not math.isfinite(value):
            raise ValueError("NaN and Infinity are not JSON")
    return given


def _is_unicode(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


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

    title: Annotated[Text, Field(min_length=1, max_length=500)]
    categories: Annotated[list[Identifier], Field(max_length=100)] = []
    description: Annotated[Text, Field(max_length=100_000)] = ""
    attributes: Annotated[dict[str, Any], AfterValidator(_storable)] = {}
    available: bool = Field(True, description="Whether it may be recommended.")


class StoredItemAnswer(ItemBody):
    """An item as the catalogue has it."""

    model_config = ConfigDict(extra="ignore", from_attributes=True)

    item_id: str
    created_at: datetime
    updated_at: datetime
