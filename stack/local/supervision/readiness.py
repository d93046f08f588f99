"""Being notified by a process that it is ready, in the way of systemd's Type=notify."""

import secrets
import socket
import subprocess
import sys
import time
from typing import Any

from stack.local.servers.child_process import ServerNotReadyError

_POLL_SECONDS = 0.2


class ReadyListener:
    """A socket at which one process says that it is ready. On Linux only; elsewhere there is none.

    Its name is abstract, so nothing is left of it when this process is gone.
    """

    def __init__(self) -> None:
        self._socket: socket.socket | None = None
        self.environment: dict[str, str] = {}
        """What the process has to be told."""
        if sys.platform == "linux":
            name = f"tandem-{secrets.token_hex(16)}"
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self._socket.bind(f"\0{name}")
            self._socket.settimeout(_POLL_SECONDS)
            self.environment = {"NOTIFY_SOCKET": f"@{name}"}

    def wait(self, name: str, process: subprocess.Popen[Any], *, seconds: float) -> None:
        """Return when the process has said so, or has lived for so long without.

        It may be waiting for another one: that is no reason to end it. Raises ServerNotReadyError
        if it ends before.
        """
        if self._socket is None:
            return
        deadline = time.monotonic() + seconds
        with self._socket:
            while not _is_notified(self._socket) and time.monotonic() < deadline:
                if process.poll() is not None:
                    ended = f"ended with code {process.returncode} before it was ready."
                    raise ServerNotReadyError(f"{name} {ended}")


def _is_notified(listening: socket.socket) -> bool:
    try:
        return b"READY=1" in listening.recv(4096).splitlines()
    except TimeoutError:
        return False
