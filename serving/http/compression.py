"""gzip for large answers, as plain ASGI. Answers that come in several pieces are left alone."""

import zlib
from collections.abc import Sequence
from functools import lru_cache

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LEAST_BYTES = 4096
"""A list of twenty items is smaller: it would cost a seventh more time to save two packets."""
_LEVEL = 1
"""Texts of JSON become a tenth smaller with level 6, which takes three times as long."""


class Compression:
    """Compresses answers for those who take them so."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; what is not HTTP passes untouched."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start: Message | None = None

        async def send_smaller(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start":
                # What it says of length and encoding is known when the body is there.
                start = message
                return
            if start is not None:
                begin, start = start, None
                if message["type"] == "http.response.body" and not message.get("more_body", False):
                    message = _smaller(begin, message, scope)
                await send(begin)
            await send(message)

        await self._app(scope, receive, send_smaller)


def _smaller(start: Message, message: Message, scope: Scope) -> Message:
    """The body compressed if that is worth it, and the headers that say so."""
    body: bytes = message.get("body", b"")
    if len(body) < LEAST_BYTES or not _compressible(start["headers"]):
        return message
    headers = MutableHeaders(raw=start["headers"])
    if "vary" not in headers:
        headers["Vary"] = "Accept-Encoding"
    if not takes_gzip(Headers(scope=scope).get("accept-encoding", "")):
        return message
    body = compressed(body, level=_LEVEL)
    headers["Content-Encoding"] = "gzip"
    headers["Content-Length"] = str(len(body))
    return {**message, "body": body}


def compressed(body: bytes, *, level: int) -> bytes:
    """The bytes in the format gzip."""
    compressor = zlib.compressobj(level, wbits=16 + zlib.MAX_WBITS)
    return compressor.compress(body) + compressor.flush()


@lru_cache(maxsize=256)
def takes_gzip(accepted: str) -> bool:
    """Whether a header Accept-Encoding allows gzip."""
    allowed: dict[str, bool] = {}
    for part in accepted.lower().split(","):
        name, _, parameters = part.partition(";")
        allowed[name.strip()] = parameters.replace(" ", "").rstrip("0.") != "q="
    return allowed.get("gzip", allowed.get("*", False))


def _compressible(headers: Sequence[tuple[bytes, bytes]]) -> bool:
    said = dict(headers)
    media_type = said.get(b"content-type", b"")
    return b"content-encoding" not in said and not media_type.startswith(b"image/")
