"""/console/static: what all pages are made of."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from serving.console.page_routing import ConsoleRoute
from serving.console.requirements import may_load_files
from serving.console.static_files import find_static_file
from serving.pages.file_responses import file_response

router = APIRouter(include_in_schema=False, route_class=ConsoleRoute)


@router.get("/console/static/{name}", dependencies=[may_load_files])
async def console_file(
    request: Request,
    name: str,
    v: Annotated[str | None, Query(description="The version; it changes with the file.")] = None,
) -> Response:
    """A style sheet, a script or an icon; kept for good under the address of its version."""
    kept = "public, max-age=3600" if v is None else "public, max-age=31536000, immutable"
    return await file_response(request, find_static_file, name, cache_control=kept)
