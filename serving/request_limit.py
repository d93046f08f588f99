"""How many requests are worked on at once, as plain ASGI; the others are told to come again."""

from starlette.types import ASGIApp, Receive, Scope, Send

from serving.body_gate import METHODS_WITH_BODY
from serving.errors import busy_problem
from serving.runtime.metrics import ServingMetrics

_LIMITED = "/v1/"


class RequestLimit:
    """Sheds requests under /v1, so that those let in are answered in time.

    Probes, figures and pages always pass: a busy process is not a dead one. Bodies have slots of
    their own, so that those who send them slowly keep nobody from reading.
    """

    def __init__(self, app: ASGIApp, most: int, metrics: ServingMetrics) -> None:
        self._app = app
        self._most = most
        self._metrics = metrics
        self._under_way = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on if there is room."""
        if scope["type"] != "http" or not scope["path"].startswith(_LIMITED):
            await self._app(scope, receive, send)
        elif scope["state"].get("spare_connection"):
            await self._shed("connections", scope, receive, send)
        elif scope["method"] in METHODS_WITH_BODY:
            await self._app(scope, receive, send)
        elif self._under_way >= self._most:
            await self._shed("too_many", scope, receive, send)
        else:
            self._under_way += 1
            try:
                await self._app(scope, receive, send)
            finally:
                self._under_way -= 1

    async def _shed(self, reason: str, scope: Scope, receive: Receive, send: Send) -> None:
        self._metrics.requests_shed.labels(reason).inc()
        await busy_problem(scope["path"], scope["state"]["request_id"])(scope, receive, send)
