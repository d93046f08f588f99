"""Paths with ids in them: a slash that was sent as `%2F` belongs to an id, others separate.

What is not UTF-8 is refused, in paths and in queries: read as well as can be, two ids become one.
"""

import re
from urllib.parse import quote, unquote, unquote_to_bytes

from starlette.convertors import Convertor, register_url_convertor
from starlette.types import ASGIApp, Receive, Scope, Send

from serving.http.errors import problem_of
from serving.runtime.faults import Fault, invalid_request


class PathsAsSent:
    """Lets routes be found by the path as it was sent; the usual one has `%2F` undone already.

    Each segment is written in one way, whatever a client encodes: `/v1/us%65rs/a%2fb` is
    `/v1/users/a%2Fb`. What stands before all paths, the root path, is written so too. What an outer
    middleware does to `path` alone is not seen.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; what is not HTTP passes untouched."""
        if scope["type"] == "http":
            scope = {**scope, **paths_as_sent(scope)}
        await self._app(scope, receive, send)


class Utf8Only:
    """Refuses paths and queries whose bytes are not UTF-8, however they are encoded."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it; what is not HTTP passes untouched."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        # Bytes that were not encoded would be taken for those of another alphabet. The scope stays
        # the same one: further outside it tells which route was found.
        scope["query_string"] = _encoded(scope.get("query_string", b""))
        fault = _utf8_fault(scope)
        if fault is None:
            await self._app(scope, receive, send)
            return
        error = invalid_request([fault])
        answer = problem_of(scope["path"], scope["state"]["request_id"], error)
        await answer(scope, receive, send)


def _encoded(raw: bytes) -> bytes:
    return re.sub(rb"[\x80-\xff]", lambda found: b"%%%02X" % found[0][0], raw)


def _utf8_fault(scope: Scope) -> Fault | None:
    detail = "Text is percent-encoded UTF-8, and these bytes are not UTF-8."
    if not is_utf8(scope.get("raw_path") or b""):
        return Fault("path", detail)
    for pair in scope["query_string"].split(b"&"):
        if not is_utf8(pair):
            name = unquote(pair.partition(b"=")[0].decode("ascii").replace("+", " "))
            return Fault(f"query:{name}", detail)
    return None


def is_utf8(sent: bytes) -> bool:
    """Whether it is UTF-8 when the percent-encoding is undone."""
    try:
        unquote_to_bytes(sent).decode()
    except UnicodeDecodeError:
        return False
    return True


class SentIdentifier(Convertor[str]):
    """An id in a path as it was sent; slashes that are not encoded may be part of it too."""

    def __init__(self, regex: str = ".*") -> None:
        self.regex = regex  # type: ignore[misc]

    def convert(self, value: str) -> str:
        """The id."""
        return unquote(value)

    def to_string(self, value: str) -> str:
        """The id as it is sent."""
        return quote(value, safe="")


def register_identifiers() -> None:
    """Make `id` known to paths, and others that leave to paths of their own what is no id."""
    register_url_convertor("id", SentIdentifier())
    register_url_convertor("item", SentIdentifier("(?!.*/(similar|users|together)$).*"))
    register_url_convertor("run", SentIdentifier("(?!rollback$)[^/]+"))
    of_user = "recommendations|tokens|history|similar|surprising|merge|export|preferences(/[^/]*)?"
    register_url_convertor("user", SentIdentifier(f"(?!.*/({of_user})$).*"))


def paths_as_sent(scope: Scope) -> dict[str, str]:
    """`path` and `root_path` of a scope, each segment written in one way."""
    sent = scope.get("raw_path")
    # A server need not send it; then no slash can be told from another.
    path = _encoded(sent).decode("ascii") if sent else scope["path"]
    paths = {"path": path, "root_path": scope.get("root_path", "")}
    return {name: _written_in_one_way(value, encoded=bool(sent)) for name, value in paths.items()}


def _written_in_one_way(path: str, *, encoded: bool) -> str:
    return "/".join(
        quote(unquote(segment) if encoded else segment, safe="") for segment in path.split("/")
    )
