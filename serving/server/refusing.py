"""Refusing a request that the app never sees, or no longer, on a connection of uvicorn's."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import structlog
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol
from uvicorn.server import ServerState

from serving.http import refusals
from serving.http.errors import problem
from serving.http.middleware import with_all
from serving.http.refusals import Refusal, record_request, request_id_of
from serving.runtime.metrics import ServingMetrics

LINGER_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """Limits of each connection, and of all connections of one process."""

    header_bytes: int
    """Of the request line and all headers together; half of it for the request line."""
    header_seconds: float
    """From the connection, or the first byte of a later request, to the end of the headers."""
    connections: int
    """Beyond it a few more are taken for as long as one request needs, mostly to say so."""
    send_seconds: float
    """An answer that its client does not take for so long is given up."""
    dropped_bytes: int
    """What is read and thrown away of a body that was answered before it had come in."""
    dropped_seconds: float
    headers: int = 100
    """Lines; more are refused."""


@dataclass(frozen=True, slots=True)
class Edge:
    """What each connection of a process needs to know; it stands in the state of the lifespan."""

    limits: ConnectionLimits
    metrics: ServingMetrics


class RefusingProtocol(HttpToolsProtocol):
    """A connection that answers what is refused with a problem document, counted and logged."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        edge: Edge = app_state["edge"]
        self._metrics, self._limits = edge.metrics, edge.limits
        self._begun = self._in_body = False
        """Whether a request has begun, and whether its headers have ended."""
        self._first_byte_at = 0.0
        self._refusal: Refusal | None = None
        self._dropped_bytes = 0
        self._waiting: asyncio.TimerHandle | None = None
        """Ends the wait for headers, or for the rest of what is thrown away."""

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        self._stop_waiting()
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        """Turn to the next request, to a refusal that has waited, or to the rest of a body."""
        super().on_response_complete()
        if self.transport.is_closing() or not self.cycle.response_complete:
            return
        if self._refusal is not None:
            self._answer_refusal(self._refusal)
        elif self._in_body:
            self._unset_keepalive_if_required()
            self._wait(self._limits.dropped_seconds, self._close)

    def _refuse(self, refusal: Refusal) -> None:
        """Answer when all earlier requests have been answered, and take no more."""
        self._refusal, self._dropped_bytes = refusal, 0
        self._stop_waiting()
        self._unset_keepalive_if_required()
        cycle = self.cycle
        if cycle is None or cycle.response_complete:
            if self._in_body:
                self._close()
            else:
                self._answer_refusal(refusal)
        elif self._in_body:
            self._refuse_body(refusal)

    def _refuse_body(self, refusal: Refusal) -> None:
        """Of a request that the app knows of, or will."""
        if self.pipeline and self.pipeline[0][0] is self.cycle:
            # It waits for others; the refusal now waits in its place.
            self.pipeline.popleft()
            return
        if self.cycle.response_started:
            self._close()
            return
        self.cycle.disconnected = True
        self.cycle.message_event.set()
        self._answer_refusal(refusal)

    def _answer_refusal(self, refusal: Refusal) -> None:
        request_id, path, method = self._asked()
        document = problem(path, request_id, refusal.status, refusal.detail)
        if not self._in_body:
            # What the app knows of is recorded there.
            with structlog.contextvars.bound_contextvars(request_id=request_id):
                record_request(
                    self._metrics,
                    route=refusals.UNMATCHED,
                    method=method,
                    status=refusal.status,
                    since=self._first_byte_at or time.monotonic(),
                    request_id=request_id,
                )
        headers = [*self.server_state.default_headers, *with_all(document.raw_headers)]
        headers += [(b"x-request-id", request_id.encode()), (b"connection", b"close")]
        lines = b"".join(b"%b: %b\r\n" % header for header in headers)
        body = b"" if method == "HEAD" else bytes(document.body)
        self.transport.write(STATUS_LINE[refusal.status] + lines + b"\r\n" + body)
        # Were it closed at once, a client that is still sending would lose the answer.
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._wait(LINGER_SECONDS, self._close)

    def _asked(self) -> tuple[str, str, str]:
        """Request id, path and method, as far as they are known."""
        if not self._begun:
            return request_id_of(None), "", "other"
        known = self.scope["state"].get("request_id")
        if known is None:
            sent = next((value for name, value in self.headers if name == b"x-request-id"), None)
            known = request_id_of(None if sent is None else sent.decode("latin-1"))
        path = self.url.partition(b"?")[0][:1_000].decode("latin-1")
        # The parser knows the method only once the request line is there.
        method = self.parser.get_method().decode("latin-1") if self.url else "other"
        return known, path, method

    def _close(self) -> None:
        """Close, whether or not the client takes what was written."""
        self.transport.close()
        self._wait(LINGER_SECONDS, self.transport.abort)

    def _wait(self, seconds: float, then: Callable[[], None]) -> None:
        self._stop_waiting()
        self._waiting = self.loop.call_later(seconds, then)

    def _stop_waiting(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None
