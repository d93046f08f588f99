"""Requests that are answered before all else that the app does with one, as plain ASGI.

What a route answers so it must answer as it does the whole way; headers, compression, metrics and
the line in the log are made by the functions that the middleware calls.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
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

    async def send(
        self,
        answer: DirectAnswer,
        send: Send,
        *,
        request_id: str,
        accepted: str,
        rate_limit: Sequence[tuple[bytes, bytes]],
        started: float,
    ) -> None:
        """Send an answer; `accepted`: encodings, `started`: on the performance counter."""
        headers = [*answer.headers, (REQUEST_ID, request_id.encode())]
        start: Message = {
            "type": "http.response.start",
            "status": answer.status,
            "headers": headers,
        }
        message = smaller(start, {"type": "http.response.body", "body": answer.body}, accepted)
        start["headers"] = answer_headers(start["headers"], rate_limit, started)
        await send(start)
        await send(message)

    def record(
        self, status: int, state: Mapping[str, Any], began_at: float, request_id: str
    ) -> None:
        """Count and log it; `began_at`: on the monotonic clock, where the server tells no time."""
        record_request(
            self._metrics,
            route=self._route,
            method=self._method,
            status=status,
            since=state.get("first_byte_at") or began_at,
            request_id=request_id,
        )
