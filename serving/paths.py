"""Paths with ids in them: a slash that was sent as `%2F` belongs to an id, others part the path."""

from urllib.parse import quote, unquote

from starlette.convertors import Convertor, register_url_convertor
from starlette.types import ASGIApp, Receive, Scope, Send


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
            scope = {**scope, **_paths_as_sent(scope)}
        await self._app(scope, receive, send)


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
    """Make `id` known to paths, and two that leave what follows an id to the paths that have it."""
    register_url_convertor("id", SentIdentifier())
    register_url_convertor("item", SentIdentifier("(?!.*/similar$).*"))
    register_url_convertor("user", SentIdentifier("(?!.*/recommendations$).*"))


def _paths_as_sent(scope: Scope) -> dict[str, str]:
    sent = scope.get("raw_path")
    # A server need not tell; then no slash can be told from another.
    path = sent.decode("ascii", "replace") if sent else scope["path"]
    paths = {"path": path, "root_path": scope.get("root_path", "")}
    return {name: _written_in_one_way(one, encoded=bool(sent)) for name, one in paths.items()}


def _written_in_one_way(path: str, *, encoded: bool) -> str:
    return "/".join(
        quote(unquote(segment) if encoded else segment, safe="") for segment in path.split("/")
    )
