"""The socket at which requests come in."""

import errno
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

log = structlog.get_logger()

_PATIENCE_SECONDS = 5.0
_AGAIN_SECONDS = 0.1


@contextmanager
def listen(host: str, port: int) -> Iterator[socket.socket]:
    """The socket for the time of the block; SystemExit if the address cannot be had."""
    try:
        listener = _bound(host, port)
    except OSError as error:
        log.error("cannot_listen", host=host, port=port, error=str(error))  # noqa: TRY400
        sys.exit(1)
    with listener:
        log.info("listening", host=host, port=listener.getsockname()[1])
        yield listener


def _bound(host: str, port: int) -> socket.socket:
    """Wait a moment if it is taken: processes whose parent was killed are just ending."""
    ends_at = time.monotonic() + _PATIENCE_SECONDS
    while True:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(2048)
        except OSError as error:
            listener.close()
            if error.errno != errno.EADDRINUSE or time.monotonic() > ends_at:
                raise
            time.sleep(_AGAIN_SECONDS)
        else:
            return listener
