"""GET and PUT /v1/items/{item_id}."""

from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Path, Response
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from domain.errors import UnknownItemError
from domain.identifiers import ItemId, is_visible
from domain.limits import LONGEST_DESCRIPTION, LONGEST_TITLE, MOST_CATEGORIES, dates_fault
from serving.access.requirements import may_read, may_write
from serving.catalogue.catalogue import CatalogueKeeping
from serving.http.errors import problems_of_request
from serving.http.routing import TandemRoute, provided
from serving.http.values import NOT_BLANK, Attributes, Documented, Identifier, Text, storable_text
from serving.runtime.faults import BodyTooLargeError, MalformedBodyError


def _titled(given: str) -> str:
    """ValueError for a title of which nothing would be seen."""
    if not is_visible(given):
        raise ValueError("the title is blank; give the name by which people know the item")
    return given


def _dated(given: dict[str, Any]) -> dict[str, Any]:
    """ValueError for dates that no list could follow."""
    fault = dates_fault(given)
    if fault is not None:
        raise ValueError(fault.value)
    return given


ItemAttributes = Annotated[Attributes, AfterValidator(_dated)]
"""publish_at and expire_at among them are times: lists show the item in between."""

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
    attributes: ItemAttributes = {}
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


router = APIRouter(prefix="/v1", tags=["items"], route_class=TandemRoute)

FromCatalogueKeeping = Annotated[CatalogueKeeping, provided(CatalogueKeeping)]

ItemPath = Annotated[Identifier, Path(examples=["stalker-1979"])]


@router.get(
    "/items/{item_id:item}",
    dependencies=[may_read],
    responses=problems_of_request(UnknownItemError),
)
async def find_item(item_id: ItemPath, catalogue: FromCatalogueKeeping) -> StoredItemAnswer:
    """What the catalogue says of an item."""
    return StoredItemAnswer.model_validate(await catalogue.load(ItemId(item_id)))


@router.put(
    "/items/{item_id:item}",
    dependencies=[may_write],
    responses={
        int(HTTPStatus.CREATED): {"model": StoredItemAnswer, "description": "The item is new."},
        **problems_of_request(MalformedBodyError, BodyTooLargeError),
    },
)
async def store_item(
    item_id: ItemPath, item: ItemBody, response: Response, catalogue: FromCatalogueKeeping
) -> StoredItemAnswer:
    """Create an item, or replace all that is said of it.

    An item that is no longer available is no longer recommended, from the cache either.
    """
    stored = await catalogue.store(ItemId(item_id), item.model_dump())
    response.status_code = HTTPStatus.CREATED if stored.created else HTTPStatus.OK
    return StoredItemAnswer.model_validate(stored.item)
