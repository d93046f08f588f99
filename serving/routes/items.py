"""GET and PUT /v1/items/{item_id}."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Response

from domain.errors import UnknownItemError
from domain.identifiers import ItemId
from serving.access.requirements import FromServices, may_read, may_write
from serving.http.errors import problems_of_request
from serving.http.routing import TandemRoute
from serving.http.values import Identifier
from serving.runtime.faults import BodyTooLargeError, MalformedBodyError
from serving.schemas.items import ItemBody, StoredItemAnswer

router = APIRouter(prefix="/v1", tags=["items"], route_class=TandemRoute)

ItemPath = Annotated[Identifier, Path(examples=["stalker-1979"])]


@router.get(
    "/items/{item_id:item}",
    dependencies=[may_read],
    responses=problems_of_request(UnknownItemError),
)
async def find_item(item_id: ItemPath, services: FromServices) -> StoredItemAnswer:
    """What the catalogue says of an item."""
    return StoredItemAnswer.model_validate(await services.catalogue.load(ItemId(item_id)))


@router.put(
    "/items/{item_id:item}",
    dependencies=[may_write],
    responses={
        int(HTTPStatus.CREATED): {"model": StoredItemAnswer, "description": "The item is new."},
        **problems_of_request(MalformedBodyError, BodyTooLargeError),
    },
)
async def store_item(
    item_id: ItemPath, item: ItemBody, response: Response, services: FromServices
) -> StoredItemAnswer:
    """Create an item, or replace all that is said of it.

    An item that is no longer available is no longer recommended, from the cache either.
    """
    stored = await services.catalogue.store(ItemId(item_id), item.model_dump())
    response.status_code = HTTPStatus.CREATED if stored.created else HTTPStatus.OK
    return StoredItemAnswer.model_validate(stored.item)
