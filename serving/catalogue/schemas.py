"""The bodies of /v1/items and /v1/categories."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter
from typing_extensions import TypeAliasType

from domain.identifiers import is_visible
from domain.limits import LONGEST_DESCRIPTION, LONGEST_TITLE, MOST_CATEGORIES, dates_fault
from serving.answering.schemas import MOST_CATEGORIES as MOST_ASKED
from serving.answering.schemas import WrittenFilter
from serving.http.cursors import PageQuery
from serving.http.entries import MOST_ENTRIES, REFUSED_LATER, Errors, Outcome, RefusedEntry
from serving.http.values import (
    NOT_BLANK,
    Attributes,
    Documented,
    Identifier,
    QueryBoolean,
    Text,
    storable_text,
    without_default,
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


def _each_once(given: list[str]) -> list[str]:
    return list(dict.fromkeys(given))


Categories = Annotated[
    list[Identifier], Field(max_length=MOST_CATEGORIES), AfterValidator(_each_once)
]
Description = Annotated[Text, Field(max_length=LONGEST_DESCRIPTION)]


def _dated(given: dict[str, Any]) -> dict[str, Any]:
    """ValueError for dates that no list could follow."""
    fault = dates_fault(given)
    if fault is not None:
        raise ValueError(fault.value)
    return given


ItemAttributes = Annotated[Attributes, AfterValidator(_dated)]
"""publish_at and expire_at among them are times: lists show the item in between."""
ITEM_ATTRIBUTES: TypeAdapter[dict[str, Any]] = TypeAdapter(ItemAttributes)

_EXAMPLE: dict[str, Any] = {
    "title": "Seven",
    "categories": ["thriller"],
    "description": "Two detectives hunt a killer.",
    "attributes": {"year": 1995},
    "available": True,
}


class ItemBody(BaseModel):
    """All that is said of an item; what is left out takes its default."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_EXAMPLE]})

    title: Title
    categories: Categories = []
    description: Description = ""
    attributes: ItemAttributes = {}
    available: bool = Field(True, strict=True, description="Whether it may be recommended.")


class ItemEntry(ItemBody):
    """An item of a batch."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"item_id": "seven", **_EXAMPLE}]})

    item_id: Identifier


class ItemBatch(BaseModel):
    """Up to 1,000 items, each once."""

    model_config = ConfigDict(extra="forbid")

    items: Annotated[
        list[Annotated[ItemEntry, REFUSED_LATER]], Field(min_length=1, max_length=MOST_ENTRIES)
    ]

    def entries(self) -> list[ItemEntry | RefusedEntry]:
        """The items in their order, those that are not well formed too."""
        return list(self.items)


class ItemPatch(BaseModel):
    """What is to be different, as a JSON merge patch (RFC 7396); what is left out stays.

    `null` gives the default back, and takes an attribute away; categories are replaced as a whole.
    """

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"available": False, "attributes": {"price": 9.9, "offer": None}}]
        },
    )

    title: Title = Field("", json_schema_extra=without_default)
    categories: Categories | None = Field(None, json_schema_extra=without_default)
    description: Description | None = Field(None, json_schema_extra=without_default)
    attributes: ItemAttributes | None = Field(None, json_schema_extra=without_default)
    available: Annotated[bool, Field(strict=True)] | None = Field(
        None, json_schema_extra=without_default
    )


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


MOST_COUNTED = 10_000
"""Beyond that a total says that there are more."""


class ItemsAnswer(BaseModel):
    """Some items of the catalogue, in the order in which they came into it."""

    items: list[StoredItemAnswer]
    next: str | None = Field(description="The cursor of what follows; null: this was the last.")
    total_count: int | None = Field(
        description=f"How many items pass in all, {MOST_COUNTED:,} at the most. Null: total was not"
        " asked for, or there was no time to count."
    )
    total_is_exact: bool | None = Field(
        description="False: there are more than total_count. Null: as that."
    )


class DeletedItemAnswer(BaseModel):
    """What became of the item; either way it is not in the catalogue any more."""

    item_id: str = Field(description="As it was given.", examples=["seven"])
    deleted: bool = Field(description="True: just now. False: it was deleted before.")
    deleted_at: datetime


class ItemResult(BaseModel):
    """What became of one item of a batch."""

    item_id: str | None = Field(description="Null: the entry has no good one.", examples=["seven"])
    status: TypeAliasType("ItemStatus", Outcome)  # type: ignore[valid-type]
    errors: Errors


class ItemBatchAnswer(BaseModel):
    """What became of the batch."""

    created: int = Field(description="Items that are new.", examples=[2])
    replaced: int = Field(description="Items that were there before.", examples=[1])
    refused: int = Field(description="Entries that were not stored.", examples=[0])
    results: list[ItemResult] = Field(description="One an entry, in their order.")


class CategoryAnswer(BaseModel):
    """A category."""

    model_config = ConfigDict(from_attributes=True)

    category: str = Field(examples=["thriller"])
    items: int = Field(description="Available items that have it.", examples=[17])


class CategoriesAnswer(BaseModel):
    """Categories in the order of their names."""

    categories: list[CategoryAnswer]
    next: str | None = Field(description="The cursor of what follows; null: this was the last.")


class ItemsQuery(PageQuery):
    """Which items."""

    category: Annotated[
        list[Identifier] | None,
        Field(max_length=MOST_ASKED, description="Only items of any of these categories."),
    ] = None
    exclude_category: Annotated[
        list[Identifier] | None,
        Field(max_length=MOST_ASKED, description="No item of these categories."),
    ] = None
    available: Annotated[
        QueryBoolean | None,
        Field(description="Only items that may be recommended, or only the others."),
    ] = None
    filter: WrittenFilter = None
    total: Annotated[
        QueryBoolean,
        Field(description=f"Whether to count what passes, up to {MOST_COUNTED:,} items."),
    ] = False
