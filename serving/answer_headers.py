"""Headers that every answer has, as plain ASGI: what browsers and caches may do with it."""

from collections.abc import Sequence

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_Header = tuple[bytes, bytes]

_ALWAYS: Sequence[_Header] = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
)
_UNLESS_SAID: Sequence[_Header] = (
    (b"cache-control", b"private, no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)


class AnswerHeaders:
    """Adds the headers, and leaves out the body of an answer to HEAD."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; what is not HTTP passes untouched."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        without_body = scope["method"] == "HEAD"

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = with_all(message.get("headers", ()))
            elif without_body and message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        await self._app(scope, receive, send_with_headers)


def with_all(headers: Sequence[_Header]) -> list[_Header]:
    """These headers, and those that every answer has."""
    said = {name.lower() for name, _ in headers}
    missing = (header for header in _UNLESS_SAID if header[0] not in said)
    return [*headers, *_ALWAYS, *missing]
