"""Bodies that are written out as they come in, so that none is ever in memory as a whole."""

import asyncio
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from domain.errors import OverloadedError
from serving.http.errors import body_too_large, body_too_slow, problem_of
from serving.runtime.metrics import ServingMetrics


@dataclass(frozen=True, slots=True)
class StreamedBodies:
    """The one route with such bodies, and what it takes; the limits of others do not count."""

    method: str
    path: str
    most_bytes: int
    at_once: int
    silence_seconds: float
    """A body of which nothing comes for so long is given up; all of it may take any time."""


class StreamedBodyGate:
    """Lets in so many streamed bodies at once, each of a bounded size."""

    def __init__(self, app: ASGIApp, bodies: StreamedBodies, metrics: ServingMetrics) -> None:
        self._app = app
        self._bodies = bodies
        self._metrics = metrics
        self._under_way = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; one with a streamed body if there is room, and marked as such."""
        bodies = self._bodies
        if (
            scope["type"] != "http"
            or scope["method"] != bodies.method
            or scope["path"] != f"{scope.get('root_path', '')}{bodies.path}"
        ):
            await self._app(scope, receive, send)
            return
        if self._under_way >= bodies.at_once:
            self._metrics.bodies_refused.labels("too_many").inc()
            path, request_id = scope["path"], scope["state"]["request_id"]
            await problem_of(path, request_id, OverloadedError())(scope, receive, send)
            return
        scope["state"]["streamed"] = True
        self._under_way += 1
        try:
            await self._app(scope, self._bounded(scope, receive), send)
        finally:
            self._under_way -= 1

    def _bounded(self, scope: Scope, receive: Receive) -> Receive:
        most = self._bodies.most_bytes
        announced = Headers(scope=scope).get("content-length", "0")
        # What was announced is refused before any of it is read; the rest is counted as it comes.
        read = int(announced) if announced.isdecimal() else 0
        too_large, read, complete = read > most, 0, False

        async def receive_bounded() -> Message:
            nonlocal read, complete
            if too_large:
                raise body_too_large(most)
            message = await receive() if complete else await self._in_time(receive)
            complete = complete or not message.get("more_body", False)
            read += len(message.get("body", b""))
            if read > most:
                raise body_too_large(most)
            return message

        return receive_bounded

    async def _in_time(self, receive: Receive) -> Message:
        try:
            async with asyncio.timeout(self._bodies.silence_seconds):
                return await receive()
        except TimeoutError as error:
            self._metrics.bodies_refused.labels("too_slow").inc()
            raise body_too_slow(self._bodies.silence_seconds) from error
