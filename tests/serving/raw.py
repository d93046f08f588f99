"""A connection to a server, byte by byte, for what no HTTP client sends."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

_PATIENCE_SECONDS = 60.0

HEAD = b"GET /healthz HTTP/1.1\r\nHost: x\r\n"
"""Of a request that needs no key, without the line that ends it."""
PIECE = b"a" * 65_536


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def problem(self) -> dict[str, Any]:
        assert self.headers["content-type"] == "application/problem+json"
        body: dict[str, Any] = json.loads(self.body)
        assert body["status"] == self.status
        assert body["request_id"] == self.headers["x-request-id"]
        return body


class Raw:
    def __init__(self, port: int, *, receive_bytes: int | None = None) -> None:
        self.socket = socket.socket()
        if receive_bytes is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        self.socket.settimeout(_PATIENCE_SECONDS)
        self.socket.connect(("127.0.0.1", port))
        self._rest = b""

    def send(self, *parts: bytes) -> bool:
        """Whether the server still took them."""
        try:
            self.socket.sendall(b"".join(parts))
        except OSError:
            return False
        return True

    def answer(self) -> Answer:
        """The next answer; it must have a length."""
        while b"\r\n\r\n" not in self._rest:
            self._receive()
        head, _, self._rest = self._rest.partition(b"\r\n\r\n")
        line, *fields = head.decode("latin-1").split("\r\n")
        headers = dict(field.lower().split(": ", 1) for field in fields)
        length = int(headers["content-length"])
        while len(self._rest) < length:
            self._receive()
        body, self._rest = self._rest[:length], self._rest[length:]
        return Answer(int(line.split()[1]), headers, body)

    def is_ended(self) -> bool:
        """Wait until the server closes; whether it said nothing more before that."""
        try:
            return self._rest == b"" and self.socket.recv(65_536) == b""
        except ConnectionError:
            return True

    def is_quiet(self) -> bool:
        """Whether the server neither says anything nor closes for the moment."""
        self.socket.setblocking(False)
        try:
            self.socket.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return True
        finally:
            self.socket.settimeout(_PATIENCE_SECONDS)
        return False

    def _receive(self) -> None:
        got = self.socket.recv(1_048_576)
        assert got, f"closed after {self._rest!r}"
        self._rest += got


@contextmanager
def connected(port: int, **options: Any) -> Iterator[Raw]:
    raw = Raw(port, **options)
    with raw.socket:
        yield raw


def asked(port: int, *parts: bytes) -> Answer:
    """The answer to these bytes on a connection of their own, which is closed after it."""
    with connected(port) as raw:
        raw.send(*parts)
        answer = raw.answer()
        if answer.headers.get("connection") == "close":
            assert raw.is_ended()
        return answer
