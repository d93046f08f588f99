"""The short way of a few events into the log, before all else that the app does with a request.

Apps send events one by one, with a key. The layers of FastAPI and the middleware took longer than
all that is done with such an event, and a group of events that are written together does not share
them. So they are passed by, as those of cached lists are
(`serving/recommendations/hot_route.py`):

1.  `_asked`: method, path and headers are what most requests have, the body is announced and short.
2.  The route's own requirement (`RequiredScope.grants`) knows the key and counts the request
    against its limit; there is a slot for the body (`BodySlots`).
3.  The body has come in within its time, and `parsed` and `good_events` find nothing wrong with it.
4.  `EventRecorder.record`: checked, written with others in one commit, made known, counted.
5.  The answer, or what is wrong, is the document that the route itself gives.

Whatever is not so goes the whole way, with the grant, the time and the body that were found out
here, so that nothing is counted twice. Once events are handed to the recorder nothing goes the
whole way any more. `tests/serving/test_hot_events.py` compares the two.
"""

import asyncio
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

import orjson
import structlog
from starlette.types import Message, Receive, Scope, Send

from domain.errors import TandemError
from serving.access.requirements import required_scope
from serving.events.own_events import of_app
from serving.events.record_events import EventRecorder
from serving.events.routes import router
from serving.events.schemas import EventBody, good_events
from serving.http.bodies import WHOLE_BODY, BodySlots, parsed, shares_of
from serving.http.direct_route import (
    ACCEPT_ENCODING,
    KEY,
    REQUEST_ID,
    UNUSUAL,
    DirectAnswer,
    DirectSender,
    headers_of,
    problem_answer,
    route_of,
)
from serving.http.errors import internal_problem, problem_of
from serving.http.refusals import request_id_of
from serving.http.routing import Services
from serving.runtime.budget import RequestBudgets
from serving.runtime.metrics import ServingMetrics

log = structlog.get_logger()

_PATH: Final = "/v1/events"
_RAW_PATH = _PATH.encode()
_LONGEST = 32_768
"""Bytes of a body; what is longer has hundreds of events, beside which the layers are nothing."""
_TYPE, _LENGTH = b"content-type", b"content-length"
_READ = frozenset({KEY, REQUEST_ID, ACCEPT_ENCODING, _TYPE, _LENGTH})
_UNUSUAL = UNUSUAL | {b"content-encoding"}
_JSON = frozenset({"application/json", "application/json; charset=utf-8"})


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request that may be answered here."""

    headers: Mapping[bytes, str]
    size: int
    """Bytes of its body."""


class HotEvents:
    """Records what it can of the events that apps send."""

    def __init__(self, slots: BodySlots, metrics: ServingMetrics, *, most_bytes: int) -> None:
        self._slots = slots
        self._most_bytes = min(most_bytes, _LONGEST)
        route = route_of(router.routes, _PATH, "POST")
        self._requirement = required_scope(route)
        self._sender = DirectSender(metrics, route.path_format, "POST")

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> Receive | None:
        """Answer a request; else what gives its body: it is to go the whole way."""
        started = time.perf_counter()
        asked = self._asked(scope)
        state: dict[str, Any] = scope["state"]
        if asked is None or not self._requirement.grants(state, asked.headers[KEY]):
            return receive
        shares = shares_of(state)
        if self._slots.full(asked.size, shares) is not None:
            self._requirement.begin_budget(state)
            return receive
        self._slots.take(1, asked.size, shares)
        # The server answers by it whoever sends the rest of a body in a way it does not take.
        state["request_id"] = request_id_of(asked.headers.get(REQUEST_ID))
        came: list[Message] = []
        try:
            body = await self._body(asked, receive, came, state)
            events = None if body is None else _events(body)
            if events is not None:
                await self._record(events, asked, state, send, started)
                return None
        finally:
            self._slots.take(-1, -asked.size, shares)
        self._requirement.begin_budget(state)
        return _again(came, receive)

    def _asked(self, scope: Scope) -> _Asked | None:
        """What is asked; None: it may be something unusual."""
        if (
            scope["method"] != "POST"
            or scope.get("raw_path") != _RAW_PATH
            or scope["query_string"]
            or scope["root_path"]
            or "spare_connection" in scope["state"]
        ):
            return None
        headers = headers_of(scope, _READ, _UNUSUAL)
        if headers is None or KEY not in headers or headers.get(_TYPE) not in _JSON:
            return None
        length = headers.get(_LENGTH, "")
        # Texts of so few digits are converted in no time.
        if not (length.isascii() and length.isdecimal() and len(length) <= len(str(_LONGEST))):
            return None
        size = int(length)
        return _Asked(headers, size) if size <= self._most_bytes else None

    async def _body(
        self, asked: _Asked, receive: Receive, came: list[Message], state: dict[str, Any]
    ) -> bytes | None:
        """The body; None: it does not come in whole and in time. `came`: gets what was received."""
        at_hand: bytearray | None = state.get(WHOLE_BODY)
        if at_hand is not None:
            # There is nothing to wait for, and whoever receives it later is given the same.
            return bytes(at_hand) if len(at_hand) <= asked.size else None
        body, more = b"", True
        try:
            async with asyncio.timeout_at(self._slots.ends_at(state)):
                while more:
                    message = await receive()
                    came.append(message)
                    if message["type"] != "http.request":
                        return None
                    body, more = body + message.get("body", b""), message.get("more_body", False)
                    if len(body) > asked.size:
                        return None
        except TimeoutError:
            return None
        return body

    async def _record(
        self,
        events: list[EventBody],
        asked: _Asked,
        state: dict[str, Any],
        send: Send,
        started: float,
    ) -> None:
        services: Services = state["services"]
        # Its body has been read, which had a time of its own: from here on the time is ours.
        services[RequestBudgets].begin(self._requirement.kind)
        request_id: str = state["request_id"]
        # For the rest of its task: nothing follows that is not of this request.
        structlog.contextvars.bind_contextvars(request_id=request_id)
        await self._sender.answer(
            _recorded(events, services[EventRecorder], request_id),
            state,
            send,
            request_id=request_id,
            accepted=asked.headers.get(ACCEPT_ENCODING, ""),
            started=started,
        )


async def _recorded(
    events: list[EventBody], recorder: EventRecorder, request_id: str
) -> DirectAnswer:
    """What became of the events, as the route says it."""
    try:
        recorded = await recorder.record(events)
        answer = orjson.dumps(
            {
                "accepted": recorded.accepted,
                "duplicates": recorded.duplicates,
                "event_ids": recorded.event_ids,
                "refused": 0,
                "results": None,
            }
        )
    except TandemError as error:
        return problem_answer(problem_of(_PATH, request_id, error))
    except Exception:  # as RequestRecord does, the last of the middleware
        log.exception("request_failed")
        return problem_answer(internal_problem(_PATH, request_id))
    headers = [(_LENGTH, b"%d" % len(answer)), (_TYPE, b"application/json")]
    return DirectAnswer(202, headers, answer)


def _events(body: bytes) -> list[EventBody] | None:
    """The events of an app in a body; None: something is wrong with it.

    Or with us: whatever fails here goes the whole way, which counts it, logs it and answers it.
    """
    with suppress(Exception):
        events = good_events(parsed(body))
        if events is not None:
            good = [event for event in map(of_app, events) if isinstance(event, EventBody)]
            return good if len(good) == len(events) else None
    return None


def _again(came: list[Message], receive: Receive) -> Receive:
    """Gives what came already, and then what comes."""
    if not came:
        return receive
    rest = iter(came)

    async def receive_again() -> Message:
        return next(rest, None) or await receive()

    return receive_again
