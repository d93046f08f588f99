"""HTTP to the API processes, as an app would: lean, so that what is measured is the system."""

import asyncio
import socket
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal
from urllib.parse import quote, urlencode

import httptools
import orjson

from tests.hosts.network import Host

Failure = Literal["not connected", "cut off", "timed out"]
_READ_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class Reply:
    """What became of one request to one process."""

    worker: str
    began: float
    """Monotonic seconds, before the first byte was sent."""
    ended: float
    status: int | None
    """None: there was no answer."""
    body: dict[str, Any]
    failure: Failure | None

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.ended - self.began


class Api:
    """The API processes by name."""

    def __init__(
        self, ports: dict[str, int], key: str, hosts: Mapping[str, Host] = MappingProxyType({})
    ) -> None:
        """`hosts`: machines of a network that the processes are on; they are asked from there."""
        self._ports = ports
        self._key = key
        self._hosts = hosts
        self._idle: dict[str, list[_Connection]] = defaultdict(list)

    @property
    def workers(self) -> list[str]:
        """Their names."""
        return list(self._ports)

    async def ask(
        self,
        worker: str,
        method: str,
        path: str,
        *,
        timeout_seconds: float,
        parameters: Mapping[str, Any] | None = None,
        content: Any = None,
    ) -> Reply:
        """One request; whatever goes wrong with the connection is answered, not raised.

        A parameter that is a list is repeated.
        """
        began = time.monotonic()
        target = quote(path) + (f"?{urlencode(parameters, doseq=True)}" if parameters else "")
        request = self._request(method, target, content)
        failure: Failure = "not connected"
        connection: _Connection | None = None
        try:
            async with asyncio.timeout(timeout_seconds):
                connection = await self._connection(worker)
                failure = "cut off"
                status, body = await connection.ask(request)
        except TimeoutError:
            failure = "timed out"
        except (OSError, EOFError, httptools.HttpParserError):
            pass
        else:
            self._idle[worker].append(connection)
            return Reply(worker, began, time.monotonic(), status, _decoded(body), None)
        if connection is not None:
            connection.close()
        return Reply(worker, began, time.monotonic(), None, {}, failure)

    def close(self) -> None:
        """Close all connections that wait for a request."""
        for connections in self._idle.values():
            for connection in connections:
                connection.close()
        self._idle.clear()

    async def _connection(self, worker: str) -> "_Connection":
        idle = self._idle[worker]
        while idle:
            connection = idle.pop()
            if connection.is_open():
                return connection
            connection.close()
        where = ("127.0.0.1", self._ports[worker])
        host = self._hosts.get(worker)
        if host is None:
            return _Connection(*await asyncio.open_connection(*where))
        made = host.do(socket.socket)
        try:
            made.setblocking(False)
            await asyncio.get_running_loop().sock_connect(made, where)
            return _Connection(*await asyncio.open_connection(sock=made))
        except BaseException:
            made.close()
            raise

    def _request(self, method: str, target: str, content: Any) -> bytes:
        body = b"" if content is None else orjson.dumps(content)
        lines = [
            f"{method} {target} HTTP/1.1",
            "Host: 127.0.0.1",
            f"X-API-Key: {self._key}",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
        ]
        return "\r\n".join([*lines, "", ""]).encode() + body


class _Connection:
    """A connection for one request after the other."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    def is_open(self) -> bool:
        """Whether the other side has not closed it, as far as is known."""
        return not self._reader.at_eof() and not self._writer.is_closing()

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        """Status and body of the response; EOFError or OSError if there is none."""
        response = _Response()
        parser = httptools.HttpResponseParser(response)
        self._writer.write(request)
        while not response.is_complete:
            received = await self._reader.read(_READ_BYTES)
            if not received:
                raise EOFError
            parser.feed_data(received)
        if not parser.should_keep_alive():
            self.close()
        return parser.get_status_code(), bytes(response.body)

    def close(self) -> None:
        """Close it at once."""
        self._writer.transport.abort()


class _Response:
    """Receives what the parser finds."""

    def __init__(self) -> None:
        self.body = bytearray()
        self.is_complete = False

    def on_body(self, part: bytes) -> None:
        """A part of the body came."""
        self.body += part

    def on_message_complete(self) -> None:
        """The response is all there."""
        self.is_complete = True


def _decoded(content: bytes) -> dict[str, Any]:
    try:
        decoded = orjson.loads(content)
    except orjson.JSONDecodeError:
        return {}
    return decoded if isinstance(decoded, dict) else {}
