"""How much may be sent to this process at once, as plain ASGI."""

import asyncio
from collections import Counter
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from domain.errors import OverloadedError
from serving.errors import body_too_slow, problem_of
from serving.runtime.metrics import ServingMetrics

METHODS_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})


@dataclass(frozen=True, slots=True)
class BodyLimits:
    """What is taken at once."""

    bodies: int
    total_bytes: int
    seconds: float
    """A body must have come in within this time, or it would keep the slot of others."""
    bytes_unannounced: int
    """What a body without a Content-Length counts as: the most it may turn out to be."""


class BodyGate:
    """Lets in so many bodies at once; the others are refused, and nothing of them is kept.

    No key has more than half of the slots and of the bytes, so that none can take all. What still
    comes in of a body that was refused is thrown away by the server, within bounds.
    """

    def __init__(self, app: ASGIApp, limits: BodyLimits, metrics: ServingMetrics) -> None:
        self._app = app
        self._limits = limits
        self._metrics = metrics
        self._bodies = 0
        self._bytes = 0
        self._bodies_of: Counter[bytes] = Counter()
        self._bytes_of: Counter[bytes] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on if there is room for its body."""
        if scope["type"] != "http" or scope["method"] not in METHODS_WITH_BODY:
            await self._app(scope, receive, send)
            return
        size, key = self._announced(scope), scope["state"].get("key_hash", b"")
        reason = self._full(size, key)
        if reason is not None:
            self._metrics.bodies_refused.labels(reason).inc()
            path, request_id = scope["path"], scope["state"]["request_id"]
            await problem_of(path, request_id, OverloadedError())(scope, receive, send)
            return
        self._take(1, size, key)
        try:
            await self._app(scope, self._in_time(receive), send)
        finally:
            self._take(-1, -size, key)

    def _take(self, bodies: int, size: int, key: bytes) -> None:
        self._bodies, self._bytes = self._bodies + bodies, self._bytes + size
        self._bodies_of[key] += bodies
        self._bytes_of[key] += size
        if not self._bodies_of[key]:
            del self._bodies_of[key], self._bytes_of[key]

    def _announced(self, scope: Scope) -> int:
        """Bytes to keep room for; what is too large for any body is refused further in."""
        announced = Headers(scope=scope).get("content-length", "")
        most = self._limits.bytes_unannounced
        return min(int(announced), most) if announced.isdecimal() else most

    def _full(self, size: int, key: bytes) -> str | None:
        limits = self._limits
        if self._bodies >= limits.bodies:
            return "too_many"
        if self._bodies_of[key] >= max(limits.bodies // 2, 1):
            return "too_many_of_key"
        # The first is always let in, however low the limit.
        if self._bodies and self._bytes + size > limits.total_bytes:
            return "too_many_bytes"
        if self._bodies_of[key] and self._bytes_of[key] + size > limits.total_bytes // 2:
            return "too_many_of_key"
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
