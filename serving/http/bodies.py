"""Bodies as they come in: how many at once, how large, how slowly, and what they say.

What is not JSON, or not sent so, is refused with location and reason.
"""

import asyncio
import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from fastapi import Request
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from domain.errors import OverloadedError
from serving.http.errors import (
    body_broken_off,
    body_too_large,
    body_too_slow,
    problem_of,
)
from serving.runtime.faults import MalformedBodyError, UnsupportedMediaTypeError
from serving.runtime.metrics import ServingMetrics

WHOLE_BODY: Final = "whole_body"
"""In the state of a request: its body, where that had come in before anybody asked for it."""
METHODS_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})

_CALLERS, _ADDRESSES = 2, 8
_MOST_DIGITS = 4300
"""Python converts no longer texts to whole numbers."""
_TOO_MANY_DIGITS = re.compile(rf"\d{{{_MOST_DIGITS + 1}}}")
_TEXT_OR_BRACKET = re.compile(r'"(?:[^"\\]|\\.)*"|([\[{])|[\]}]')
_DEEPEST_REPORTED = 500
_LONGEST_SCAN = 200_000
"""Characters that are looked at for the position where a body is nested too deep."""


@dataclass(frozen=True, slots=True)
class BodyLimits:
    """What is taken at once."""

    bodies: int
    total_bytes: int
    seconds: float
    """A body must have come in within this time, or it would keep the slot of others."""
    bytes_unannounced: int
    """What a body without a Content-Length counts as: the most it may turn out to be."""


class BodySlots:
    """The bodies that are being read in one process, and how many more there may be.

    No caller has more than half of the slots and of the bytes, so that none can take all; those who
    are nobody are one caller, and none of their addresses has more than an eighth.
    """

    def __init__(self, limits: BodyLimits, metrics: ServingMetrics) -> None:
        self.limits = limits
        self._metrics = metrics
        self._bodies = 0
        self._bytes = 0
        self._bodies_of: Counter[str] = Counter()
        self._bytes_of: Counter[str] = Counter()

    def take(self, bodies: int, size: int, shares: Mapping[str, int]) -> None:
        """Count bodies of so many bytes in all; below 0: they were answered."""
        self._bodies, self._bytes = self._bodies + bodies, self._bytes + size
        for name in shares:
            self._bodies_of[name] += bodies
            self._bytes_of[name] += size
            if not self._bodies_of[name]:
                del self._bodies_of[name], self._bytes_of[name]

    def full(self, size: int, shares: Mapping[str, int]) -> str | None:
        """Why there is no room for a body of this size; None: there is."""
        limits = self.limits
        if self._bodies >= limits.bodies:
            return "too_many"
        if any(self._bodies_of[name] >= max(limits.bodies // n, 1) for name, n in shares.items()):
            return "too_many_of_key"
        # The first is always let in, however low the limit.
        if self._bodies and self._bytes + size > limits.total_bytes:
            return "too_many_bytes"
        if any(
            self._bodies_of[name] and self._bytes_of[name] + size > limits.total_bytes // n
            for name, n in shares.items()
        ):
            return "too_many_of_key"
        return None

    def ends_at(self, state: dict[str, Any]) -> float:
        """When the body of a request must have come in, on the loop's clock."""
        now = asyncio.get_running_loop().time()
        ends_at: float = state.setdefault("body_ends_at", now + self.limits.seconds)
        return ends_at

    def note_refused(self, reason: str) -> None:
        """Count a body that was not taken."""
        self._metrics.bodies_refused.labels(reason).inc()


class BodyGate:
    """Lets in so many bodies at once; the others are refused, and nothing of them is kept.

    What still comes in of a body that was refused is thrown away by the server, within bounds.
    """

    def __init__(self, app: ASGIApp, slots: BodySlots) -> None:
        self._app = app
        self._slots = slots

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on if there is room for its body."""
        if (
            scope["type"] != "http"
            or scope["method"] not in METHODS_WITH_BODY
            or scope["state"].get("streamed")
        ):
            await self._app(scope, receive, send)
            return
        size, shares = self._announced(scope), shares_of(scope["state"])
        reason = self._slots.full(size, shares)
        if reason is not None:
            self._slots.note_refused(reason)
            path, request_id = scope["path"], scope["state"]["request_id"]
            await problem_of(path, request_id, OverloadedError())(scope, receive, send)
            return
        self._slots.take(1, size, shares)
        try:
            await self._app(scope, self._in_time(receive, scope["state"]), send)
        finally:
            self._slots.take(-1, -size, shares)

    def _announced(self, scope: Scope) -> int:
        """Bytes to keep room for; what is too large for any body is refused further in."""
        announced = Headers(scope=scope).get("content-length", "")
        most = most_bytes_of(scope, self._slots.limits.bytes_unannounced)
        return min(int(announced), most) if announced.isdecimal() else most

    def _in_time(self, receive: Receive, state: dict[str, Any]) -> Receive:
        ends_at = self._slots.ends_at(state)
        complete = False

        async def receive_in_time() -> Message:
            nonlocal complete
            # After its body a request may wait for as long as it takes to be answered.
            try:
                async with asyncio.timeout_at(None if complete else ends_at):
                    message = await receive()
            except TimeoutError as error:
                self._slots.note_refused("too_slow")
                raise body_too_slow(self._slots.limits.seconds) from error
            complete = complete or not message.get("more_body", False)
            return message

        return receive_in_time


def most_bytes_of(scope: Scope, usual: int) -> int:
    """The longest body of this request: some routes take less than is usual."""
    most: int = scope["state"].get("most_body_bytes", usual)
    return min(usual, most)


class BodyLimit:
    """Stops reading a body that is larger than is taken."""

    def __init__(self, app: ASGIApp, most_bytes: int) -> None:
        self._app = app
        self._most_bytes = most_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on with a body that ends in an error where it is too long."""
        if scope["type"] != "http" or scope["state"].get("streamed"):
            await self._app(scope, receive, send)
            return
        announced = Headers(scope=scope).get("content-length", "0")
        most_bytes = most_bytes_of(scope, self._most_bytes)
        read = int(announced) if announced.isdecimal() else 0
        # What was announced is refused before any of it is read; the rest is counted as it comes.
        too_large, read = read > most_bytes, 0

        async def receive_counted() -> Message:
            nonlocal read
            if too_large:
                raise body_too_large(most_bytes)
            message = await receive()
            read += len(message.get("body", b""))
            if read > most_bytes:
                raise body_too_large(most_bytes)
            return message

        await self._app(scope, receive_counted, send)


def shares_of(state: Mapping[str, Any]) -> Mapping[str, int]:
    """What a body counts for, each with the part of all that it may have, as 2 for a half."""
    shares = {state.get("caller_id", ""): _CALLERS}
    address = state.get("anonymous_address")
    return shares if address is None else {**shares, f"address {address}": _ADDRESSES}


async def whole_body(request: Request) -> bytes:
    """The body of a request; HTTPException if its client goes away before its end."""
    try:
        return await request.body()
    except ClientDisconnect as error:
        raise body_broken_off() from error


class JsonRequest(Request):
    """A request whose body is read as JSON, strictly, before the route sees it."""

    async def read_json(self) -> None:
        """Read the body; MalformedBodyError or UnsupportedMediaTypeError if it is of no use."""
        _check_encoding(self.headers.get("content-encoding", ""))
        body = await whole_body(self)
        if body:
            _check_media_type(self.headers.get("content-type", ""))
            self._json = parsed(body)


def parsed(body: bytes) -> Any:
    """What a body says; MalformedBodyError tells where it is wrong, and why."""
    text = _decoded(body)
    try:
        return _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise _malformed(f"{error.msg} at character {error.pos}") from error
    except RecursionError as error:
        raise _malformed(f"it is nested too deep{_location_of_depth(text)}") from error
    except ValueError as error:
        found = _TOO_MANY_DIGITS.search(text)
        location = f" at character {found.start()}" if found else ""
        raise _malformed(f"a number of more than {_MOST_DIGITS:,} digits{location}") from error


def _malformed(reason: str) -> MalformedBodyError:
    return MalformedBodyError(f"The body is not JSON: {reason}.")


def _check_encoding(encoding: str) -> None:
    if encoding.strip().lower() not in {"", "identity"}:
        raise UnsupportedMediaTypeError(
            f"The body is sent with Content-Encoding: {encoding[:40]}. Send it as it is, without"
            " this header."
        )


def _check_media_type(given: str) -> None:
    media_type, _, parameters = given.lower().partition(";")
    kind, _, subtype = media_type.strip().partition("/")
    is_json = kind == "application" and (subtype == "json" or subtype.endswith("+json"))
    charset = re.search(r'charset\s*=\s*"?([^";\s]+)', parameters)
    if not is_json or (charset and not charset[1].startswith("utf-")):
        sent = f"is {given[:80]}" if given else "is missing"
        raise UnsupportedMediaTypeError(
            f"The Content-Type of the body {sent}. Send a JSON object with the header"
            " Content-Type: application/json."
        )


def _decoded(body: bytes) -> str:
    encoding = json.detect_encoding(body)
    try:
        return body.decode(encoding)
    except UnicodeDecodeError as error:
        raise _malformed(f"{error.reason} ({error.encoding}) at byte {error.start}") from error


def _object(members: list[tuple[str, Any]]) -> dict[str, Any]:
    """MalformedBodyError for a name that stands twice: readers differ in which one they take."""
    fields = dict(members)
    if len(fields) != len(members):
        seen: set[str] = set()
        twice = next(name for name, _ in members if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise _malformed(f"an object has two members named {twice[:80]!r}")
    return fields


_DECODER = json.JSONDecoder(object_pairs_hook=_object)


def _location_of_depth(text: str) -> str:
    """Where the brackets that are open become too many, if that is near enough to be looked for."""
    depth = 0
    for found in _TEXT_OR_BRACKET.finditer(text, 0, _LONGEST_SCAN):
        if found[1]:
            depth += 1
        elif not found[0].startswith('"'):
            depth -= 1
        if depth > _DEEPEST_REPORTED:
            return f" at character {found.start()}"
    return ""
