"""What happens around every request, as plain ASGI: it is on the path of each of them."""

import time
import zlib
from collections.abc import Mapping, Sequence
from functools import lru_cache

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.http.errors import internal_problem
from serving.http.refusals import UNMATCHED, record_request, request_id_of
from serving.runtime.metrics import ServingMetrics

LEAST_BYTES = 8192
"""A list of twenty items is smaller: it would cost half as much time again to save two packets."""
_LEVEL = 1
"""Texts of JSON become a tenth smaller with level 6, which takes three times as long."""

log = structlog.get_logger()

REQUEST_ID = "X-Request-ID"


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
                    message = smaller(
                        begin, message, Headers(scope=scope).get("accept-encoding", "")
                    )
                await send(begin)
            await send(message)

        await self._app(scope, receive, send_smaller)


def smaller(start: Message, message: Message, accepted: str) -> Message:
    """The body compressed if that is worth it and accepted, and the headers that say so."""
    body: bytes = message.get("body", b"")
    if len(body) < LEAST_BYTES or not _compressible(start["headers"]):
        return message
    headers = MutableHeaders(raw=start["headers"])
    if "accept-encoding" not in headers.get("vary", "").lower():
        headers.add_vary_header("Accept-Encoding")
    if not takes_gzip(accepted):
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
    by_name = dict(headers)
    media_type = by_name.get(b"content-type", b"")
    return b"content-encoding" not in by_name and not media_type.startswith(b"image/")


class RequestRecord:
    """Gives each request an id, counts and logs it, and answers for errors nobody foresaw."""

    def __init__(self, app: ASGIApp, metrics: ServingMetrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; what is not HTTP passes untouched."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        state = scope.setdefault("state", {})
        # A short way may have given it one before it gave the request up.
        if "request_id" not in state:
            state["request_id"] = request_id_of(Headers(scope=scope).get(REQUEST_ID))
        request_id = state["request_id"]
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            await self._recorded(scope, receive, send, request_id)

    async def _recorded(self, scope: Scope, receive: Receive, send: Send, request_id: str) -> None:
        # The server tells when the first byte came in; under load it has been waiting since.
        since, status = scope["state"].get("first_byte_at") or time.monotonic(), 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[REQUEST_ID] = request_id
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        except Exception:
            log.exception("request_failed")
            if status:
                raise
            answer = internal_problem(scope["path"], request_id)
            await answer(scope, receive, send_with_id)
        finally:
            record_request(
                self._metrics,
                route=route_template(scope),
                method=scope["method"],
                status=status,
                since=since,
                request_id=request_id,
            )


def route_template(scope: Scope) -> str:
    """The route as it is declared, so that no label grows with the users; one name for no route."""
    template = getattr(scope.get("route"), "path_format", None)
    if template is None and "endpoint" in scope:
        # The documentation's own routes leave no route behind. Below a mount anything may be asked.
        template = scope["root_path"] if "app_root_path" in scope else scope["path"]
    return template or UNMATCHED


_Header = tuple[bytes, bytes]

_ALWAYS: Sequence[_Header] = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
)
_UNLESS_GIVEN: Sequence[_Header] = (
    (b"cache-control", b"private, no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)


_EMPTY: Mapping[str, Sequence[_Header]] = {}


class AnswerHeaders:
    """Adds headers, also those of a rate limit, and leaves out the body of an answer to HEAD."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; what is not HTTP passes untouched."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        without_body = scope["method"] == "HEAD"
        started = time.perf_counter()

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                rate_limit = scope.get("state", _EMPTY).get("rate_limit", ())
                message["headers"] = answer_headers(message.get("headers", ()), rate_limit, started)
            elif without_body and message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        await self._app(scope, receive, send_with_headers)


def answer_headers(
    headers: Sequence[_Header], rate_limit: Sequence[_Header], started: float
) -> list[_Header]:
    """These headers, and those that answers have; `started`: on the performance counter."""
    taken = b"%.6f" % (time.perf_counter() - started)
    return [*with_all(headers), *rate_limit, (b"x-process-time", taken)]


def with_all(headers: Sequence[_Header]) -> list[_Header]:
    """These headers, and those that every answer has."""
    names = {name.lower() for name, _ in headers}
    missing = (header for header in _UNLESS_GIVEN if header[0] not in names)
    return [*headers, *_ALWAYS, *missing]
