"""A port that is held open while the server behind it rests, as socket activation does."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager

_BACKLOG = 2048


class HeldPort:
    """A listening socket on 127.0.0.1, which servers are started on one after the other.

    Who connects while none runs waits in its queue, and is answered by the next.
    """

    def __init__(self, port: int) -> None:
        """OSError if the port is taken."""
        self._socket = socket.create_server(("127.0.0.1", port), backlog=_BACKLOG)

    @property
    def descriptor(self) -> int:
        """The file descriptor, to be passed on to a server."""
        return self._socket.fileno()

    @contextmanager
    def watched(self) -> Iterator[asyncio.Event]:
        """An event that is set as soon as somebody has connected and no server has taken it."""
        connected = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.add_reader(self._socket, connected.set)
        try:
            yield connected
        finally:
            loop.remove_reader(self._socket)

    def close(self) -> None:
        """Let it go."""
        self._socket.close()
