"""How much may be sent to this process at once, as plain ASGI."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.errors import body_too_slow, overloaded_problem
from serving.metrics import ServingMetrics

_METHODS_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})


@dataclass(frozen=True, slots=True)
class BodyLimits:
    """What is taken at once."""

    bodies: int
    total_bytes: int
    seconds: float
    """A body must have come in within this time, or it would keep the place of others."""
    bytes_unannounced: int
    """What a body without a Content-Length counts as: the most it may turn out to be."""


class BodyGate:
    """Lets in so many bodies at once; the others are refused, and nothing of them is kept."""

    def __init__(self, app: ASGIApp, limits: BodyLimits, metrics: ServingMetrics) -> None:
        self._app = app
        self._limits = limits
        self._metrics = metrics
        self._bodies = 0
        self._bytes = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on if there is room for its body."""
        if scope["type"] != "http" or scope["method"] not in _METHODS_WITH_BODY:
            await self._app(scope, receive, send)
            return
        size = self._announced(scope)
        reason = self._full(size)
        if reason is not None:
            self._metrics.bodies_refused.labels(reason).inc()
            await self._refuse(scope, receive, send)
            return
        self._bodies, self._bytes = self._bodies + 1, self._bytes + size
        try:
            await self._app(scope, self._in_time(receive), send)
        finally:
            self._bodies, self._bytes = self._bodies - 1, self._bytes - size

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer at once, then throw away what still comes in.

        Were the connection closed instead, a caller who is still sending would lose the answer.
        """
        answer = overloaded_problem(scope["path"], scope["state"]["request_id"])
        headers = answer.raw_headers
        await send(
            {"type": "http.response.start", "status": answer.status_code, "headers": headers}
        )
        await send({"type": "http.response.body", "body": answer.body, "more_body": True})
        with suppress(TimeoutError):
            async with asyncio.timeout(self._limits.seconds):
                while (await receive()).get("more_body", False):
                    pass
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    def _announced(self, scope: Scope) -> int:
        """Bytes to keep room for; what is too large for any body is refused further in."""
        announced = Headers(scope=scope).get("content-length", "")
        most = self._limits.bytes_unannounced
        return min(int(announced), most) if announced.isdecimal() else most

    def _full(self, size: int) -> str | None:
        if self._bodies >= self._limits.bodies:
            return "too_many"
        # The first is always let in, however low the limit.
        if self._bodies and self._bytes + size > self._limits.total_bytes:
            return "too_many_bytes"
        return None

    def _in_time(self, receive: Receive) -> Receive:
        ends_at = asyncio.get_running_loop().time() + self._limits.seconds
        complete = False

        async def receive_in_time() -> Message:
            nonlocal complete
            # After its body a request may wait for as long as it takes to be answered.
            try:
                async with asyncio.timeout_at(None if complete else ends_at):
                    message = await receive()
            except TimeoutError as error:
                self._metrics.bodies_refused.labels("too_slow").inc()
                raise body_too_slow(self._limits.seconds) from error
            complete = complete or not message.get("more_body", False)
            return message

        return receive_in_time
