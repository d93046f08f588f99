"""The bodies of /v1/items."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from domain.identifiers import is_visible
from domain.limits import (
    LONGEST_DESCRIPTION,
    LONGEST_TITLE,
    MOST_CATEGORIES,
)
from serving.http.values import (
    NOT_BLANK,
    Attributes,
    Documented,
    Identifier,
    Text,
    storable_text,
)


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
