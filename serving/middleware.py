"""What happens around every request, as plain ASGI: it is on the path of each of them."""

import time

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.errors import body_too_large, internal_problem
from serving.refusals import UNMATCHED, record_request, request_id_of
from serving.runtime.metrics import ServingMetrics

log = structlog.get_logger()

REQUEST_ID = "X-Request-ID"


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
        request_id = request_id_of(Headers(scope=scope).get(REQUEST_ID))
        scope.setdefault("state", {})["request_id"] = request_id
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
                route=_route_template(scope),
                method=scope["method"],
                status=status,
                since=since,
            )


class BodyLimit:
    """Stops reading a body that is larger than is taken."""

    def __init__(self, app: ASGIApp, most_bytes: int) -> None:
        self._app = app
        self._most_bytes = most_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on with a body that ends in an error where it is too long."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        announced = Headers(scope=scope).get("content-length", "0")
        read = int(announced) if announced.isdecimal() else 0
        # What was announced is refused before any of it is read; the rest is counted as it comes.
        too_large, read = read > self._most_bytes, 0

        async def receive_counted() -> Message:
            nonlocal read
            if too_large:
                raise body_too_large(self._most_bytes)
            message = await receive()
            read += len(message.get("body", b""))
            if read > self._most_bytes:
                raise body_too_large(self._most_bytes)
            return message

        await self._app(scope, receive_counted, send)


def _route_template(scope: Scope) -> str:
    """The route as it is declared, so that no label grows with the users; one name for no route."""
    template = getattr(scope.get("route"), "path_format", None)
    if template is None and "endpoint" in scope:
        # The documentation's own routes leave no route behind. Below a mount anything may be asked.
        template = scope["root_path"] if "app_root_path" in scope else scope["path"]
    return template or UNMATCHED
