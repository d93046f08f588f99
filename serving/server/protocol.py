"""The guard at the connection, around uvicorn's HTTP protocol.

Everything a client can do before its request reaches the app is bounded here: bytes, headers, time,
connections. What is refused is answered with a problem document, counted and logged.
"""

import asyncio
import re
import time
from typing import Any, Final

import httptools
from uvicorn.config import Config
from uvicorn.server import ServerState

from serving.http import refusals
from serving.http.bodies import WHOLE_BODY
from serving.http.refusals import Refusal
from serving.server.answer_cycle import AnswerCycle
from serving.server.refusing import LINGER_SECONDS, RefusingProtocol

_MOST_PIPELINED: Final = 32
_FRAMING: Final = 16
"""Bytes around each byte of a body that are borne: chunks of one byte have five."""
_LINGER_BYTES: Final = 1_000_000
_SPARE_CONNECTIONS: Final = 32
"""Beyond the limit, so that a probe is still answered and others are told why not."""
_SPARE_SECONDS: Final = 2.0
_LENGTHS: Final = frozenset({b"content-length", b"transfer-encoding"})
_HOST = re.compile(rb"[A-Za-z0-9._~!$&'()*+,;=%\-]*(:[0-9]*)?|\[[0-9A-Fa-f:.]+\](:[0-9]*)?")


class _RefusedError(Exception):
    """Ends the parsing from within one of its callbacks."""

    def __init__(self, refusal: Refusal) -> None:
        self.refusal = refusal


class GuardedProtocol(RefusingProtocol):
    """One connection."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._stepped = False
        """Whether headers or a body ended in the piece being fed."""
        self._framing_bytes = 0
        """Received since then, and no part of a body."""
        self._body_bytes = 0
        self._header_bytes = self._header_count = 0
        self._spare = False
        self._reads_on = False
        """Whether a new parser is fed what the one before it had read already."""
        self._sending: asyncio.TimerHandle | None = None

    # --- the connection

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take it, or refuse it if there are too many."""
        super().connection_made(transport)
        beyond = len(self.connections) - self._limits.connections
        if beyond > 0:
            self._metrics.connections_refused.inc()
            self._spare = True
        if beyond > _SPARE_CONNECTIONS:
            transport.abort()
            return
        self._wait(self._head_seconds(), self._head_too_slow)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        self.resume_writing()
        super().connection_lost(exc)

    def eof_received(self) -> bool:  # type: ignore[override]
        """Whether to stay connected: what was asked in full before its end is still answered."""
        cycle = self.cycle
        if cycle is None or cycle.response_complete or self._in_body:
            return False
        cycle.keep_alive = False
        return True

    def pause_writing(self) -> None:
        """Give the client a while to take what it asked for."""
        super().pause_writing()
        if self._sending is None:
            self._sending = self.loop.call_later(self._limits.send_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """It took it."""
        if self._sending is not None:
            self._sending.cancel()
            self._sending = None
        if self.flow is not None:
            super().resume_writing()

    def timeout_keep_alive_handler(self) -> None:
        """Close an idle connection, with or without its client's help."""
        super().timeout_keep_alive_handler()
        # What its client has not taken by then would keep it open.
        self._wait(LINGER_SECONDS, self.transport.abort)

    # --- what comes in

    def data_received(self, data: bytes) -> None:
        """Parse it, a bounded piece at a time, or throw it away after a refusal."""
        if self._refusal is not None:
            self._drop(len(data), _LINGER_BYTES)
            return
        self._unset_keepalive_if_required()
        most = self._limits.header_bytes
        try:
            if len(data) <= most:
                self._feed(data)
            else:
                for start in range(0, len(data), most):
                    self._feed(data[start : start + most])
        except _RefusedError as error:
            self._refuse(error.refusal)
            return
        if self._in_head() and self._waiting is None:
            self._wait(self._head_seconds(), self._head_too_slow)

    def _feed(self, data: bytes) -> None:
        before, self._stepped = self._body_bytes, False
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            # Nothing is upgraded here: what follows is the body, or the next request.
            self._framing_bytes = 0
            if self._in_body:
                self._read_on()
            if rest := data[upgrade.args[0] :]:
                self._feed(rest)
            return
        except httptools.HttpParserError as error:
            raise _refused_for(error) from error
        if self._stepped:
            self._framing_bytes = 0 if self._in_body else self._header_bytes
        else:
            self._framing_bytes += len(data) - (self._body_bytes - before)
        if self._framing_bytes > self._limits.header_bytes + _FRAMING * self._body_bytes:
            raise _RefusedError(self._too_much())
        if self._in_body and self.cycle.response_complete:
            self._drop(len(data), self._limits.dropped_bytes)

    def _read_on(self) -> None:
        """Have a body read that the parser would leave to the protocol upgraded to."""
        head_lines = [
            b"POST / HTTP/1.1",
            *(b"%b: %b" % header for header in self.headers if header[0] in _LENGTHS),
        ]
        if not self.cycle.keep_alive:
            head_lines.append(b"connection: close")
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self._reads_on = True
        self.parser.feed_data(b"\r\n".join([*head_lines, b"", b""]))
        self._reads_on = False

    def _too_much(self) -> Refusal:
        if self._in_body:
            return refusals.TOO_MUCH_FRAMING
        return refusals.headers_too_large(self._limits.header_bytes, self._limits.headers)

    def _drop(self, size: int, most: int) -> None:
        self._dropped_bytes += size
        if self._dropped_bytes > most:
            self.transport.abort()

    # --- callbacks of the parser

    def on_message_begin(self) -> None:
        """Note when a request began."""
        if self._reads_on:
            return
        super().on_message_begin()
        self._begun, self._body_bytes = True, 0
        self._header_bytes = self._header_count = 0
        if len(self.pipeline) >= _MOST_PIPELINED:
            raise _RefusedError(refusals.TOO_MANY_PIPELINED)
        self._first_byte_at = time.monotonic()
        state: dict[str, Any] = self.scope["state"]
        state["first_byte_at"] = self._first_byte_at
        if self._spare:
            state["spare_connection"] = True

    def on_url(self, url: bytes) -> None:
        """Take a piece of the request's target."""
        if self._reads_on:
            return
        most = self._limits.header_bytes // 2
        self._header_bytes += len(url)
        if self._header_bytes > most:
            raise _RefusedError(refusals.target_too_long(most))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; those that follow a body are counted and thrown away."""
        if self._reads_on:
            return
        self._header_count += 1
        self._header_bytes += len(name) + len(value) + len(b": \r\n")
        limits = self._limits
        if self._header_count > limits.headers or self._header_bytes > limits.header_bytes:
            raise _RefusedError(refusals.headers_too_large(limits.header_bytes, limits.headers))
        if not self._in_body:
            # Blanks after a value are no part of it (RFC 9110, 5.5); the parser leaves them.
            super().on_header(name, value.strip(b" \t"))

    def on_headers_complete(self) -> None:
        """Hand the request on."""
        if self._reads_on:
            return
        self._check_version_and_coding()
        self._check_host()
        self.scope["state"]["asked_at"] = time.monotonic()
        self._stop_waiting()
        super().on_headers_complete()
        # Made by uvicorn, of its own class; nothing of it has run yet.
        self.cycle.__class__ = AnswerCycle
        self._in_body = self._stepped = True
        self._dropped_bytes = 0
        if self._spare:
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body."""
        self._body_bytes += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Wait for the next request."""
        if self.parser.should_upgrade() and self._has_body():
            return
        if self._body_bytes and len(self.cycle.body) == self._body_bytes:
            # Nobody has asked for it yet; who does so later is given the same.
            self.scope["state"][WHOLE_BODY] = self.cycle.body
        self._begun = self._in_body = False
        self._stepped, self._header_bytes = True, 0
        if self.cycle.response_complete:
            # The rest of a body that had been answered already.
            self._stop_waiting()
            self._unset_keepalive_if_required()
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )
        super().on_message_complete()

    def _unsupported_upgrade_warning(self) -> None:
        """It is answered like any request, which is what a client that offers this expects."""

    def _has_body(self) -> bool:
        return any(name in _LENGTHS and value.strip(b"0") for name, value in self.headers)

    def _check_version_and_coding(self) -> None:
        if self.parser.get_http_version() not in {"1.0", "1.1"}:
            raise _RefusedError(refusals.OTHER_VERSION)
        codings = [value for name, value in self.headers if name == b"transfer-encoding"]
        if codings and codings[0].lower() != b"chunked":
            raise _RefusedError(refusals.OTHER_CODING)

    def _check_host(self) -> None:
        hosts = [value for name, value in self.headers if name == b"host"]
        if len(hosts) > 1 or (not hosts and self.parser.get_http_version() == "1.1"):
            raise _RefusedError(refusals.NO_HOST)
        if hosts and not _HOST.fullmatch(hosts[0]):
            raise _RefusedError(refusals.BAD_HOST)

    def _in_head(self) -> bool:
        return not self._in_body and (self._begun or self._framing_bytes > 0)

    def _head_seconds(self) -> float:
        seconds = self._limits.header_seconds
        return min(seconds, _SPARE_SECONDS) if self._spare else seconds

    def _head_too_slow(self) -> None:
        self._waiting = None
        if self._in_head():
            self._refuse(refusals.HEADERS_TOO_SLOW)
        else:
            self._close()


def _refused_for(error: httptools.HttpParserError) -> _RefusedError:
    cause = error.__context__
    if isinstance(cause, _RefusedError):
        return cause
    if isinstance(error, (httptools.HttpParserCallbackError, httptools.HttpParserInvalidURLError)):
        return _RefusedError(refusals.MALFORMED_TARGET)
    return _RefusedError(refusals.MALFORMED)
