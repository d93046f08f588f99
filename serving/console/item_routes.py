"""The pages of items: find, look at, withdraw."""

from contextlib import suppress
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from domain.errors import StoreUnavailableError
from domain.identifiers import ItemId
from serving.catalogue.catalogue_keeping import CatalogueKeeping
from serving.catalogue.schemas import ItemPatch, ItemsQuery
from serving.console.page_routing import ConsoleRoute
from serving.console.pages import FromPages
from serving.console.requirements import may_act_for_users, may_look
from serving.http.routing import provided
from serving.http.values import Identifier
from serving.search.query import typed_query
from serving.search.search import Searcher
from serving.search.search_list import SearchRequest
from serving.similar.similar import Similar, SimilarRequest

router = APIRouter(include_in_schema=False, route_class=ConsoleRoute)

FromCatalogueKeeping = Annotated[CatalogueKeeping, provided(CatalogueKeeping)]
FromSearcher = Annotated[Searcher, provided(Searcher)]
FromSimilar = Annotated[Similar, provided(Similar)]
ItemPath = Annotated[Identifier, Path()]

_LISTED = 40
_FOUND = 20
_SIMILAR = 10


class FindQuery(BaseModel):
    """What is looked for, or which page of all."""

    model_config = ConfigDict(extra="forbid")

    q: Annotated[str, Field(max_length=200)] = ""
    cursor: Annotated[str | None, Field(max_length=100)] = None


class AvailabilityBody(BaseModel):
    """Whether an item may be recommended."""

    model_config = ConfigDict(extra="forbid")

    available: bool


@router.get("/console/items", dependencies=[may_look])
async def items_page(
    pages: FromPages,
    catalogue: FromCatalogueKeeping,
    searcher: FromSearcher,
    asked: Annotated[FindQuery, Query()],
) -> Response:
    """Items that match words, or all, page by page."""
    shown: dict[str, Any] = {"q": asked.q, "next": None, "total": None, "is_exact": True}
    if typed_query(asked.q).wanted:
        found = await searcher.search(None, SearchRequest(asked.q, _FOUND, highlight=False))
        # What only fills a list up is not what somebody looks for by name.
        items = [item for item in found.result.items if item.match != "popular"]
        return pages.page("items.html", items=items, **shown)
    query = ItemsQuery(limit=_LISTED, cursor=asked.cursor, total=asked.cursor is None)
    page = await catalogue.list(query)
    shown |= {"next": page.next, "total": page.total, "is_exact": page.total_is_exact}
    return pages.page("items.html", items=page.items, **shown)


@router.get("/console/items/{item_id:id}", dependencies=[may_look])
async def item_page(
    pages: FromPages, catalogue: FromCatalogueKeeping, similar: FromSimilar, item_id: ItemPath
) -> Response:
    """One item, and what is like it."""
    return await _shown(pages, catalogue, similar, item_id)


@router.post("/console/items/{item_id:id}/availability", dependencies=[may_act_for_users])
async def change_availability(
    pages: FromPages,
    catalogue: FromCatalogueKeeping,
    similar: FromSimilar,
    item_id: ItemPath,
    body: AvailabilityBody,
) -> Response:
    """Withdraw an item from all lists, or offer it again."""
    await catalogue.patch(ItemId(item_id), ItemPatch(available=body.available))
    return await _shown(pages, catalogue, similar, item_id)


async def _shown(
    pages: FromPages, catalogue: CatalogueKeeping, similar: Similar, item_id: str
) -> Response:
    item = await catalogue.load(ItemId(item_id))
    alike = None
    with suppress(StoreUnavailableError):
        request = SimilarRequest((ItemId(item_id),), _SIMILAR)
        alike = (await similar.similar(None, request)).result
    return pages.page("item.html", item=item, alike=alike)
