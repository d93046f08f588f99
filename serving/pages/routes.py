"""GET /docs and /openapi.json, for those who may see them; /sign-in and /sdk, for everybody."""

import asyncio

import orjson
from fastapi import APIRouter, Request, Response

from serving.access.requirements import (
    may_be_whoever,
    may_load_sdk,
    may_open_docs,
    may_read_docs,
)
from serving.http.routing import TandemRoute
from serving.pages import find_page, find_sdk_file, find_sign_in_page
from serving.pages.file_responses import file_response

router = APIRouter(include_in_schema=False, route_class=TandemRoute)


@router.get("/docs", dependencies=[may_open_docs])
async def docs(request: Request) -> Response:
    """The page that shows /openapi.json, and asks for a key if that needs one."""
    return await file_response(request, find_page, "docs.html")


@router.get("/docs/{name}", dependencies=[may_open_docs])
async def docs_file(request: Request, name: str) -> Response:
    """What the page is made of."""
    return await file_response(request, find_page, name)


@router.get("/sign-in", dependencies=[may_be_whoever])
async def sign_in(request: Request) -> Response:
    """The page to sign in on, or to choose a password on by a link."""
    return await file_response(request, find_sign_in_page, "sign-in.html")


@router.get("/sign-in/{name}", dependencies=[may_be_whoever])
async def sign_in_file(request: Request, name: str) -> Response:
    """What that page is made of."""
    return await file_response(request, find_sign_in_page, name)


@router.get("/sdk/{name}", dependencies=[may_load_sdk])
async def sdk_file(request: Request, name: str) -> Response:
    """The script that pages of apps ask this API with, and its types."""
    return await file_response(request, find_sdk_file, name, cache_control="public, max-age=3600")


@router.get("/openapi.json", dependencies=[may_read_docs])
async def openapi(request: Request) -> Response:
    """The description of this API, as generators of clients read it."""
    document = await asyncio.to_thread(request.app.openapi)
    root_path = request.scope.get("root_path", "")
    if root_path:
        document = {**document, "servers": [{"url": root_path}]}
    return Response(orjson.dumps(document), media_type="application/json")
