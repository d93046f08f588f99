"""How an answer is written to its connection: head and body at once, where uvicorn writes twice.

Each write is a system call and a packet, for the server and for whoever reads it. As ASGI has it, a
head need not be sent before the first part of its body is there.
"""

import re
from collections.abc import Sequence
from typing import Any, Final

from starlette.types import Message
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

_NO_BODY: Final = frozenset({204, 304})
_BAD_IN_NAME = re.compile(rb'[\x00-\x1f\x7f()<>@,;:\[\]={} \t\\"]')
_BAD_IN_VALUE = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")


class AnswerCycle(RequestResponseCycle):
    """One request and its answer; see `GuardedProtocol.on_headers_complete`.

    As long as a head is not written, another answer may take its place: `response_started` tells.
    """

    _head: tuple[bytes, bytes] | None = None
    """Begun and not written yet: what stands before and after a line that says `close`."""
    _has_close: bool = False

    async def send(self, message: Any) -> None:
        """Take the head, or write a part of the body; RuntimeError where that is not its turn."""
        if self.flow.write_paused and not self.disconnected:
            await self.flow.drain()
        if self.disconnected:
            return
        kind = message["type"]
        is_begun = self.response_started or self._head is not None
        if kind == "http.response.start" and not is_begun:
            self._begin(message)
        elif kind == "http.response.body" and is_begun and not self.response_complete:
            self._write(message.get("body", b""), more=message.get("more_body", False))
        else:
            raise RuntimeError(f"It is not the turn of {kind!r}.")

    async def send_500_response(self) -> None:
        """Say that the app has failed, in place of what it may have begun."""
        self._head = None
        await super().send_500_response()

    def _begin(self, message: Message) -> None:
        headers: Sequence[tuple[bytes, bytes]] = [
            *self.default_headers,
            *((name.lower(), value) for name, value in message.get("headers", ())),
        ]
        # Each is a class of single bytes, so that one look at all of them tells the same.
        if _BAD_IN_NAME.search(b"".join([name for name, _ in headers])):
            raise RuntimeError("The name of a header is none.")
        if _BAD_IN_VALUE.search(b"".join([value for _, value in headers])):
            raise RuntimeError("The value of a header is none.")
        status: int = message["status"]
        lines = [STATUS_LINE[status]]
        self.chunked_encoding, self.expected_content_length = None, 0
        self._has_close = False
        for name, value in headers:
            if name == b"content-length" and self.chunked_encoding is None:
                self.expected_content_length, self.chunked_encoding = int(value), False
            elif name == b"transfer-encoding" and value.lower() == b"chunked":
                self.expected_content_length, self.chunked_encoding = 0, True
            elif name == b"connection" and b"close" in value.lower().replace(b" ", b"").split(b","):
                self.keep_alive, self._has_close = False, True
            lines += (name, b": ", value, b"\r\n")
        end = b"\r\n"
        if (
            self.chunked_encoding is None
            and self.scope["method"] != "HEAD"
            and status not in _NO_BODY
        ):
            self.chunked_encoding = True
            end = b"transfer-encoding: chunked\r\n\r\n"
        self._head = b"".join(lines), end

    def _write(self, body: bytes, *, more: bool) -> None:
        parts: list[bytes] = []
        if self.scope["method"] == "HEAD":
            self.expected_content_length = 0
        elif self.chunked_encoding:
            if body:
                parts += (b"%x\r\n" % len(body), body, b"\r\n")
            if not more:
                parts.append(b"0\r\n\r\n")
        else:
            self.expected_content_length -= len(body)
            if self.expected_content_length < 0:
                raise RuntimeError("The body is longer than its announced length.")
            parts.append(body)
        if not more and self.expected_content_length:
            raise RuntimeError("The body is shorter than its announced length.")
        if self._head is not None:
            parts.insert(0, self._head_now(*self._head))
        self.transport.writelines(parts)
        if more:
            return
        self.response_complete = True
        self.message_event.set()
        if not self.keep_alive:
            self.transport.close()
        self.on_response()

    def _head_now(self, lines: bytes, end: bytes) -> bytes:
        """The head as it is written; the server may have begun to stop since it was begun."""
        self._head = None
        self.response_started, self.waiting_for_100_continue = True, False
        if self.keep_alive or self._has_close:
            return lines + end
        return b"".join((lines, b"connection: close\r\n", end))
