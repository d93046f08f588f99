"""The page Watch: three lists of a user that move with each click."""

import secrets
from contextlib import suppress
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from domain.errors import StoreUnavailableError
from domain.identifiers import UserId
from serving.console.page_routing import ConsoleRoute
from serving.console.pages import FromPages
from serving.console.requirements import may_act_for_users, may_look
from serving.console.shown_lists import SOURCES, shown_lists
from serving.console.watch_schemas import (
    CatalogueQuery,
    ClickBody,
    UndoBody,
    Watched,
    WatchQuery,
)
from serving.console.watching import Change, Lists, Watcher
from serving.events.schemas import EventBody
from serving.http.routing import provided
from serving.lists.asked_blend import AS_SET
from serving.relations.active_users import ActiveUsersReader
from serving.search.query import typed_query
from serving.search.search import Searcher
from serving.search.search_list import SearchRequest

router = APIRouter(include_in_schema=False, route_class=ConsoleRoute)

FromWatcher = Annotated[Watcher, provided(Watcher)]
FromActiveUsers = Annotated[ActiveUsersReader, provided(ActiveUsersReader)]
FromSearcher = Annotated[Searcher, provided(Searcher)]

_ACTIVE_DAYS = 3_650
_SUGGESTED = 8
_FOUND = 8


@router.get("/", dependencies=[may_look])
async def watch(
    pages: FromPages,
    watcher: FromWatcher,
    active_users: FromActiveUsers,
    asked: Annotated[WatchQuery, Query()],
) -> Response:
    """The page; without a user, some to choose from."""
    suggested: list[str] = []
    with suppress(StoreUnavailableError):
        active = await active_users.load(days=_ACTIVE_DAYS, limit=_SUGGESTED)
        suggested = [user.user_id for user in active.users]
    visitor = f"visitor-{secrets.token_hex(3)}"
    shown: dict[str, Any] = {"user_id": asked.user, "suggested": suggested, "visitor": visitor}
    if asked.user is not None:
        lists = await watcher.lists(UserId(asked.user), AS_SET)
        shown |= {**_shown(lists), "sources": SOURCES, "weights": watcher.weights(lists)}
    return pages.page("watch.html", **shown)


@router.get("/console/watch/lists", dependencies=[may_look])
async def watched_lists(
    pages: FromPages, watcher: FromWatcher, asked: Annotated[Watched, Query()]
) -> Response:
    """The lists under other weights."""
    lists = await watcher.lists(UserId(asked.user_id), asked.blend())
    return pages.page("watched.html", user_id=asked.user_id, **_shown(lists))


@router.post("/console/watch/events", dependencies=[may_act_for_users])
async def record_click(pages: FromPages, watcher: FromWatcher, body: ClickBody) -> Response:
    """Record what was clicked; the lists once the speed layer knows of it."""
    event = EventBody(user_id=body.user_id, item_id=body.item_id, kind=body.kind)
    change = await watcher.record(event, body.blend())
    return pages.page("watched.html", user_id=body.user_id, **_after(change))


@router.post("/console/watch/undo", dependencies=[may_act_for_users])
async def undo_click(pages: FromPages, watcher: FromWatcher, body: UndoBody) -> Response:
    """Take an event back; the lists once the speed layer knows of it."""
    change = await watcher.undo(UserId(body.user_id), body.event_id, body.blend())
    return pages.page("watched.html", user_id=body.user_id, **_after(change))


@router.get("/console/watch/search", dependencies=[may_look])
async def search_catalogue(
    pages: FromPages, searcher: FromSearcher, asked: Annotated[CatalogueQuery, Query()]
) -> Response:
    """What the catalogue has of these words; nothing for none."""
    if not typed_query(asked.q).wanted:
        return pages.page("found.html", found=None, q=asked.q)
    request = SearchRequest(asked.q, _FOUND, highlight=False)
    answer = await searcher.search(UserId(asked.user_id), request)
    return pages.page("found.html", found=answer.result, q=asked.q)


def _shown(lists: Lists) -> dict[str, Any]:
    return {"lists": shown_lists(lists), "history": lists.history, "steps": None}


def _after(change: Change) -> dict[str, Any]:
    return {**_shown(change.lists), "steps": change.steps}
