"""Files that are the same for everybody, as they are answered."""

import asyncio
from collections.abc import Callable

from fastapi import Request, Response

from serving.http.errors import nothing_here
from serving.http.middleware import takes_gzip
from serving.pages import CONTENT_SECURITY_POLICY, Page


async def file_response(
    request: Request,
    find: Callable[[str], Page | None],
    name: str,
    *,
    cache_control: str = "private, max-age=3600",
) -> Response:
    """A file by its name, in gzip for those who take it so; nothing_here if there is none."""
    # The first time it is read and compressed, which takes as long as many requests.
    page = await asyncio.to_thread(find, name)
    if page is None:
        raise nothing_here()
    headers = {
        "Content-Security-Policy": CONTENT_SECURITY_POLICY,
        "Cache-Control": cache_control,
        "Vary": "Accept-Encoding",
    }
    if not takes_gzip(request.headers.get("accept-encoding", "")):
        return Response(page.body, headers=headers, media_type=page.media_type)
    headers["Content-Encoding"] = "gzip"
    return Response(page.smaller, headers=headers, media_type=page.media_type)
