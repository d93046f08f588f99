"""An HTTP proxy that passes nothing on and keeps what it was asked."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from threading import Thread

_VARIABLES = ("http_proxy", "https_proxy", "all_proxy")


@dataclass(frozen=True, slots=True)
class RecordingProxy:
    """Where it listens, and the first line of everything it was asked."""

    port: int
    asked: list[bytes] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        """The variables that tell a program to use it, in both spellings."""
        url = f"http://127.0.0.1:{self.port}"
        return {spelt: url for name in _VARIABLES for spelt in (name, name.upper())}


@contextmanager
def recording_proxy() -> Iterator[RecordingProxy]:
    """A proxy for the time of the block."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        proxy = RecordingProxy(listening.getsockname()[1])
        Thread(target=_record, args=(listening, proxy.asked), daemon=True).start()
        yield proxy
        with suppress(OSError):
            listening.shutdown(socket.SHUT_RDWR)


def _record(listening: socket.socket, asked: list[bytes]) -> None:
    with suppress(OSError):
        while True:
            connection, _ = listening.accept()
            with connection:
                asked.append(connection.recv(1000).partition(b"\r\n")[0])
