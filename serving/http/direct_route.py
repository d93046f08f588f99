"""Requests that are answered before all else that the app does with one, as plain ASGI.

What a route answers so it must answer as it does the whole way; headers, compression, metrics and
the line in the log are made by the functions that the middleware calls.
"""

import time
from collections.abc import Awaitable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import Response
from starlette.routing import BaseRoute
from starlette.types import Message, Scope, Send

from serving.http.middleware import answer_headers, smaller
from serving.http.refusals import record_request
from serving.http.routing import TandemRoute
from serving.runtime.metrics import ServingMetrics

KEY, REQUEST_ID, ACCEPT_ENCODING = b"x-api-key", b"x-request-id", b"accept-encoding"
UNUSUAL = frozenset({b"authorization", b"cookie", b"origin", b"transfer-encoding"})
"""Headers of requests that go the whole way: tokens, sessions, pages of other origins."""


@dataclass(frozen=True, slots=True)
class DirectAnswer:
    """What is sent, but for the headers that all answers have."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


def headers_of(
    scope: Scope, read: Collection[bytes], unusual: Collection[bytes]
) -> dict[bytes, str] | None:
    """Those that are read, the first of each; None: there are some that change the answer."""
    found: dict[bytes, str] = {}
    for name, value in scope["headers"]:
        if name in unusual:
            return None
        if name in read and name not in found:
            found[name] = value.decode("latin-1")
    return found


def route_of(routes: Iterable[BaseRoute], path: str, method: str) -> TandemRoute:
    """The route that goes the whole way."""
    (found,) = (
        route
        for route in routes
        if isinstance(route, TandemRoute)
        and route.path_format == path
        and method in (route.methods or ())
    )
    return found


def problem_answer(problem: Response) -> DirectAnswer:
    """A problem document as it is sent."""
    return DirectAnswer(problem.status_code, problem.raw_headers, bytes(problem.body))


class DirectSender:
    """Sends the answers of one route, counted and logged as those of any."""

    def __init__(self, metrics: ServingMetrics, route: str, method: str) -> None:
        self._metrics = metrics
        self._route = route
        self._method = method

    async def answer(
        self,
        answer: DirectAnswer | Awaitable[DirectAnswer],
        state: Mapping[str, Any],
        send: Send,
        *,
        request_id: str,
        accepted: str,
        started: float,
    ) -> None:
        """Send an answer, once it is made; counted and logged whatever becomes of it.

        `accepted`: encodings, `started`: on the performance counter.
        """
        # Where the server does not say when the first byte came.
        began_at, status = time.monotonic(), 0
        try:
            made = answer if isinstance(answer, DirectAnswer) else await answer
            status = made.status
            headers = [*made.headers, (REQUEST_ID, request_id.encode())]
            start: Message = {"type": "http.response.start", "status": status, "headers": headers}
            body = smaller(start, {"type": "http.response.body", "body": made.body}, accepted)
            start["headers"] = answer_headers(
                start["headers"], state.get("rate_limit", ()), started
            )
            await send(start)
            await send(body)
        finally:
            record_request(
                self._metrics,
                route=self._route,
                method=self._method,
                status=status,
                since=state.get("first_byte_at") or began_at,
                request_id=request_id,
            )
