"""How many requests without a body are let in at once, and the answer to the others.

Who is let in while too many are under way waits longer than it is worth, and makes the others wait.
Who is not let in must cost next to nothing, or a busy process has no time left for anybody: so most
refusals are sent before all else that the app does with a request.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any, Final

from starlette.types import ASGIApp, Receive, Scope, Send

from serving.http.bodies import METHODS_WITH_BODY
from serving.http.direct_route import (
    ACCEPT_ENCODING,
    REQUEST_ID,
    DirectAnswer,
    DirectSender,
    headers_of,
)
from serving.http.errors import busy_problem
from serving.http.paths import is_utf8, paths_as_sent
from serving.http.refusals import UNMATCHED, request_id_of
from serving.runtime.metrics import ServingMetrics

_LIMITED: Final = "/v1/"
_FEW: Final = 16
"""So many are let in however long they take: it may be PostgreSQL that they wait for."""
_LONG_SECONDS: Final = 0.1
_READ = frozenset({REQUEST_ID, ACCEPT_ENCODING})
_UNUSUAL = frozenset({b"origin", b"content-length", b"transfer-encoding"})
"""Headers of requests that go the whole way: pages of other origins, bodies."""


class RequestSlots:
    """The requests without a body that are under way in one process.

    Beyond a few, one more is let in only while half of them came less than a moment ago. They end
    about as fast as they come, so who is let in is answered within about twice that time, however
    fast the machine is; a few that take long keep nobody out.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._since: dict[object, float] = {}
        """When each came in, on the monotonic clock; the oldest first."""

    def full(self) -> bool:
        """Whether one more would be too many."""
        under_way = len(self._since)
        if under_way >= self._most:
            return True
        if under_way < _FEW:
            return False
        middle = next(islice(self._since.values(), under_way // 2, None))
        return time.monotonic() - middle > _LONG_SECONDS

    @contextmanager
    def taken(self) -> Iterator[None]:
        """One of them, for the time of the block."""
        request = object()
        self._since[request] = time.monotonic()
        try:
            yield
        finally:
            del self._since[request]


class RequestLimit:
    """Sheds requests under /v1, so that those let in are answered in time.

    Probes, figures and pages always pass: a busy process is not a dead one. Bodies have slots of
    their own, so that those who send them slowly keep nobody from reading.
    """

    def __init__(self, app: ASGIApp, slots: RequestSlots, metrics: ServingMetrics) -> None:
        self._app = app
        self.slots = slots
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on if there is room."""
        if scope["type"] != "http" or not scope["path"].startswith(_LIMITED):
            await self._app(scope, receive, send)
        elif scope["state"].get("spare_connection"):
            await self._shed("connections", scope, receive, send)
        elif scope["method"] in METHODS_WITH_BODY:
            await self._app(scope, receive, send)
        elif self.slots.full():
            await self._shed("too_many", scope, receive, send)
        else:
            with self.slots.taken():
                await self._app(scope, receive, send)

    async def _shed(self, reason: str, scope: Scope, receive: Receive, send: Send) -> None:
        self._metrics.requests_shed.labels(reason).inc()
        await busy_problem(scope["path"], scope["state"]["request_id"])(scope, receive, send)


class EarlyRefusals:
    """Refuses what `RequestLimit` would refuse, with the same answer, before all else."""

    def __init__(self, slots: RequestSlots, metrics: ServingMetrics) -> None:
        self.slots = slots
        self._shed = metrics.requests_shed.labels("too_many")
        self._sender = DirectSender(metrics, UNMATCHED, "GET")

    async def answer(self, scope: Scope, send: Send) -> bool:
        """Refuse a request; False: nothing was sent, and it is to go the whole way."""
        if scope["method"] != "GET" or scope["root_path"] or not self.slots.full():
            return False
        started, began_at = time.perf_counter(), time.monotonic()
        state: dict[str, Any] = scope["state"]
        headers = headers_of(scope, _READ, _UNUSUAL)
        path = paths_as_sent(scope)["path"]
        if (
            headers is None
            or "spare_connection" in state
            or not path.startswith(_LIMITED)
            or not is_utf8(scope.get("raw_path") or b"")
            or not all(map(is_utf8, scope["query_string"].split(b"&")))
        ):
            return False
        self._shed.inc()
        request_id = request_id_of(headers.get(REQUEST_ID))
        problem = busy_problem(path, request_id)
        try:
            await self._sender.send(
                DirectAnswer(problem.status_code, problem.raw_headers, bytes(problem.body)),
                send,
                request_id=request_id,
                accepted=headers.get(ACCEPT_ENCODING, ""),
                rate_limit=state.get("rate_limit", ()),
                started=started,
            )
        finally:
            self._sender.record(problem.status_code, state, began_at, request_id)
        return True
