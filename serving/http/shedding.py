"""How many requests without a body are let in at once."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from serving.http.bodies import METHODS_WITH_BODY
from serving.http.errors import busy_problem
from serving.runtime.metrics import ServingMetrics

_LIMITED: Final = "/v1/"


class RequestSlots:
    """How many requests without a body may be under way in one process."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._taken = 0

    def full(self) -> bool:
        """Whether one more would be too many."""
        return self._taken >= self._most

    @contextmanager
    def taken(self) -> Iterator[None]:
        """One of them, for the time of the block."""
        self._taken += 1
        try:
            yield
        finally:
            self._taken -= 1


class RequestLimit:
    """Sheds requests under /v1, so that those let in are answered in time.

    Probes, figures and pages always pass: a busy process is not a dead one. Bodies have slots of
    their own, so that those who send them slowly keep nobody from reading.
    """

    def __init__(self, app: ASGIApp, slots: RequestSlots, metrics: ServingMetrics) -> None:
        self._app = app
        self._slots = slots
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on if there is room."""
        if scope["type"] != "http" or not scope["path"].startswith(_LIMITED):
            await self._app(scope, receive, send)
        elif scope["state"].get("spare_connection"):
            await self._shed("connections", scope, receive, send)
        elif scope["method"] in METHODS_WITH_BODY:
            await self._app(scope, receive, send)
        elif self._slots.full():
            await self._shed("too_many", scope, receive, send)
        else:
            with self._slots.taken():
                await self._app(scope, receive, send)

    async def _shed(self, reason: str, scope: Scope, receive: Receive, send: Send) -> None:
        self._metrics.requests_shed.labels(reason).inc()
        await busy_problem(scope["path"], scope["state"]["request_id"])(scope, receive, send)
