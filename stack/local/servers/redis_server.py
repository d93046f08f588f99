"""The embedded Redis, as a foreground process that a supervisor owns.

It holds nothing that cannot be lost.
"""

import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from stack.local.servers.binaries import redis_program
from stack.local.servers.child_process import (
    Escalation,
    ending_with_parent,
    running_child,
    stop_strays,
    wait_for_answer,
)
from stack.local.servers.unix_socket import socket_directory

SOCKET_NAME = "redis.sock"
SHUTDOWN: Escalation = ((signal.SIGTERM, 10.0),)
_ANSWER_SECONDS = 5.0

SETTINGS = {
    "appendonly": "no",
    "daemonize": "no",
    "maxmemory": "256mb",
    # Answers end within minutes and go first; then users' exclusions, of who was away the longest.
    # What never ends, such as the validity of all answers, does not go at all.
    "maxmemory-policy": "volatile-ttl",
    "maxmemory-samples": "10",
    "port": "0",
    "save": "",
    "unixsocketperm": "700",
}


@dataclass(frozen=True, slots=True)
class RedisServer:
    """A folder Redis works in, and the private folder of its socket."""

    directory: Path
    socket_directory: Path

    @property
    def socket(self) -> Path:
        """The Unix socket, the only way in."""
        return self.socket_directory / SOCKET_NAME

    def url(self) -> str:
        """Return the address in the form redis-py takes: `unix:///folder/redis.sock`."""
        return f"unix://{quote(str(self.socket))}"

    def command(self) -> list[str]:
        """Return the foreground command; it logs to standard output."""
        settings = {**SETTINGS, "dir": str(self.directory), "unixsocket": str(self.socket)}
        flags = [part for name, value in settings.items() for part in (f"--{name}", value)]
        return [str(redis_program()), *flags]

    def popen_options(self) -> dict[str, Any]:
        """Return options of `subprocess.Popen` for `command()`.

        The folder, a session of its own, and shutdown if the parent dies.
        """
        return {
            "cwd": self.directory,
            "start_new_session": True,
            **ending_with_parent(signal.SIGTERM),
        }


def prepare_redis(directory: Path) -> RedisServer:
    """Make the folder ready, and stop a server that a killed predecessor has left there.

    To be called before every start.
    """
    directory = directory.resolve()
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    directory.chmod(0o700)
    server = RedisServer(directory, socket_directory(directory, SOCKET_NAME, os.geteuid()))
    stop_strays(directory, redis_program().name, SHUTDOWN)
    return server


def wait_until_ready(
    server: RedisServer,
    process: subprocess.Popen[Any],
    timeout_seconds: float = 30,
    *,
    log: Path | None = None,
) -> None:
    """Return as soon as the server answers a PING.

    Raises ServerNotReadyError, with the end of `log`, where the process writes its standard output.
    """
    wait_for_answer(
        "Redis", lambda: _refusal(server), process, timeout_seconds=timeout_seconds, log=log
    )


@contextmanager
def running_redis(directory: Path) -> Iterator[RedisServer]:
    """Run a server for the time of the block. Its log lies in the folder."""
    server = prepare_redis(directory)
    log = server.directory / "redis.log"
    with running_child(server, log, SHUTDOWN) as process:
        wait_until_ready(server, process, log=log)
        yield server


def _refusal(server: RedisServer) -> str | None:
    """Asked by hand: the client library would stay in the memory of who supervises the server."""
    try:
        with socket.socket(socket.AF_UNIX) as asking:
            asking.settimeout(_ANSWER_SECONDS)
            asking.connect(str(server.socket))
            asking.sendall(b"PING\r\n")
            answer = asking.recv(100)
    except OSError as error:
        return str(error)
    return None if answer == b"+PONG\r\n" else answer.decode(errors="replace").strip()
