"""The routes of /v1/items and /v1/categories."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from domain.errors import UnknownItemError
from domain.identifiers import ItemId
from serving.access.requirements import may_read, may_write
from serving.catalogue.catalogue_keeping import CatalogueKeeping
from serving.catalogue.schemas import (
    CategoriesAnswer,
    CategoryAnswer,
    DeletedItemAnswer,
    ItemBatch,
    ItemBatchAnswer,
    ItemBody,
    ItemPatch,
    ItemsAnswer,
    ItemsQuery,
    StoredItemAnswer,
)
from serving.http.cursors import PageQuery, decoded_cursor, encoded_cursor, not_a_cursor
from serving.http.entries import Partial
from serving.http.errors import problems_of_request
from serving.http.routing import TandemRoute, provided
from serving.http.values import Identifier
from serving.runtime.faults import BodyTooLargeError, MalformedBodyError

router = APIRouter(prefix="/v1", tags=["items"], route_class=TandemRoute)

FromCatalogueKeeping = Annotated[CatalogueKeeping, provided(CatalogueKeeping)]

ItemPath = Annotated[Identifier, Path(examples=["stalker-1979"])]


@router.get("/items", dependencies=[may_read], responses=problems_of_request())
async def list_items(
    query: Annotated[ItemsQuery, Query()], catalogue: FromCatalogueKeeping
) -> ItemsAnswer:
    """The catalogue, page by page, in the order in which items came into it.

    Items that are not available are among it. One that comes in meanwhile is on a later page. With
    `total=true` the items that pass are counted.
    """
    page = await catalogue.list(query)
    return ItemsAnswer(
        items=[StoredItemAnswer.model_validate(item) for item in page.items],
        next=None if page.next is None else encoded_cursor(str(page.next)),
        total_count=page.total,
        total_is_exact=page.total_is_exact,
    )


@router.post(
    "/items",
    dependencies=[may_write],
    responses=problems_of_request(MalformedBodyError, BodyTooLargeError),
)
async def store_items(
    batch: ItemBatch,
    catalogue: FromCatalogueKeeping,
    *,
    partial: Annotated[Partial, Query()] = False,
) -> ItemBatchAnswer:
    """Create or replace items: all of the batch, or none and the reasons.

    With `partial=true` the good ones are stored, and the others refused with their reasons.
    """
    return await catalogue.store_batch(batch.entries(), partial=partial)


@router.get("/categories", dependencies=[may_read], responses=problems_of_request())
async def list_categories(
    query: Annotated[PageQuery, Query()], catalogue: FromCatalogueKeeping
) -> CategoriesAnswer:
    """The categories of available items in the order of their names, with how many have each."""
    after = None if query.cursor is None else decoded_cursor(query.cursor)
    if query.cursor is not None and (after is None or "\0" in after):
        raise not_a_cursor()
    found = await catalogue.list_categories(after=after, most=query.limit + 1)
    page = found[: query.limit]
    return CategoriesAnswer(
        categories=[CategoryAnswer.model_validate(category) for category in page],
        next=encoded_cursor(page[-1].category) if len(found) > query.limit else None,
    )


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


@router.patch(
    "/items/{item_id:item}",
    dependencies=[may_write],
    responses=problems_of_request(UnknownItemError, MalformedBodyError, BodyTooLargeError),
)
async def patch_item(
    item_id: ItemPath, patch: ItemPatch, catalogue: FromCatalogueKeeping
) -> StoredItemAnswer:
    """Change a part of what is said of an item (JSON merge patch, RFC 7396).

    What is left out stays. Of two changes at once neither is lost.
    """
    stored = await catalogue.patch(ItemId(item_id), patch)
    return StoredItemAnswer.model_validate(stored.item)


@router.delete(
    "/items/{item_id:item}",
    dependencies=[may_write],
    responses=problems_of_request(UnknownItemError),
)
async def delete_item(item_id: ItemPath, catalogue: FromCatalogueKeeping) -> DeletedItemAnswer:
    """Take an item out of the catalogue: from the answer on it is in no list, cached or not.

    Harmless twice. What users did with it stays in their histories and counts for their taste;
    events with it are still taken. PUT stores it anew.
    """
    deleted = await catalogue.delete(ItemId(item_id))
    return DeletedItemAnswer(item_id=item_id, deleted=deleted.is_new, deleted_at=deleted.deleted_at)
