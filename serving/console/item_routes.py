"""The pages of items: find, look at, change, withdraw.

An item is deleted by `DELETE /v1/items/{item_id}`, which a page asks as an app does.
"""

from contextlib import suppress
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from domain.errors import StoreUnavailableError
from domain.identifiers import ItemId
from serving.catalogue.catalogue_keeping import CatalogueKeeping
from serving.catalogue.schemas import ItemBody, ItemPatch, ItemsQuery
from serving.console.day_bars import HEIGHT, day_bars
from serving.console.item_pages import MOST_EVENTS, ItemPageReader
from serving.console.page_routing import ConsoleRoute
from serving.console.pages import FromPages
from serving.console.requirements import may_act_for_users, may_look
from serving.http.routing import provided
from serving.http.values import Identifier
from serving.relations.related_users import RelatedUsers, UserRelations
from serving.search.query import typed_query
from serving.search.search import Searcher
from serving.search.search_list import SearchRequest

router = APIRouter(include_in_schema=False, route_class=ConsoleRoute)

FromCatalogueKeeping = Annotated[CatalogueKeeping, provided(CatalogueKeeping)]
FromSearcher = Annotated[Searcher, provided(Searcher)]
FromItemPageReader = Annotated[ItemPageReader, provided(ItemPageReader)]
FromUserRelations = Annotated[UserRelations, provided(UserRelations)]
ItemPath = Annotated[Identifier, Path()]

_LISTED = 40
_FOUND = 20
_USERS = 10
_LIST_NAMES = {
    "popular": "Popular",
    "all_time": "Popular ever",
    "latest": "Latest",
    **{f"popular_{span}": f"Popular, last {span}" for span in ("day", "week", "month")},
    **{f"trending_{span}": f"Trending, last {span}" for span in ("day", "week", "month")},
}


class FindQuery(BaseModel):
    """What is looked for, or which page of all."""

    model_config = ConfigDict(extra="forbid")

    q: Annotated[str, Field(max_length=200)] = ""
    cursor: Annotated[str | None, Field(max_length=100)] = None


class AvailabilityBody(BaseModel):
    """Whether an item may be recommended."""

    model_config = ConfigDict(extra="forbid")

    available: bool


class EditBody(ItemBody):
    """All that is said of an item from now on, and which version of it was looked at."""

    version: Annotated[str, Field(max_length=20)]


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


@router.get("/console/items/{item_id:id}/users", dependencies=[may_look])
async def users_of_item_page(
    pages: FromPages, relations: FromUserRelations, item_id: ItemPath
) -> Response:
    """Who would like an item: a part of its page. All users are compared, so it comes later."""
    found: RelatedUsers | None = None
    with suppress(StoreUnavailableError):
        found = await relations.of_item(ItemId(item_id), limit=_USERS, exclude_seen=True)
    return pages.page("item_users.html", found=found)


@router.get("/console/items/{item_id:id}", dependencies=[may_look])
async def item_page(pages: FromPages, reader: FromItemPageReader, item_id: ItemPath) -> Response:
    """One item, what is like it, and where it stands."""
    return await _shown(pages, reader, item_id)


@router.put("/console/items/{item_id:id}", dependencies=[may_act_for_users])
async def edit_item(catalogue: FromCatalogueKeeping, item_id: ItemPath, body: EditBody) -> Response:
    """Change what is said of an item, unless somebody else did meanwhile."""
    fields = body.model_dump(exclude={"version"})
    await catalogue.replace(ItemId(item_id), body.version, fields)
    return Response(status_code=HTTPStatus.NO_CONTENT)


@router.post("/console/items/{item_id:id}/availability", dependencies=[may_act_for_users])
async def change_availability(
    pages: FromPages,
    catalogue: FromCatalogueKeeping,
    reader: FromItemPageReader,
    item_id: ItemPath,
    body: AvailabilityBody,
) -> Response:
    """Withdraw an item from all lists, or offer it again."""
    await catalogue.patch(ItemId(item_id), ItemPatch(available=body.available))
    return await _shown(pages, reader, item_id)


async def _shown(pages: FromPages, reader: ItemPageReader, item_id: str) -> Response:
    page = await reader.load(ItemId(item_id))
    charts = None
    if page.days is not None:
        charts = {
            "likings": day_bars((each.day, each.likings) for each in page.days.days),
            "shown": day_bars((each.day, each.shown) for each in page.days.days),
        }
    return pages.page(
        "item.html",
        page=page,
        item=page.item,
        charts=charts,
        bar_height=HEIGHT,
        most_events=MOST_EVENTS,
        list_names=_LIST_NAMES,
    )
