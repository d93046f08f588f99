"""TCP ports of this machine: which are free, and who holds the others."""

import errno
import socket
from random import SystemRandom

import psutil

_PORTS_OF_SERVERS = range(10_240, 32_768)
_PORTS_TRIED = 100


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Tell whether a server could listen on the port now.

    Raises OSError if the address is not this machine's, PermissionError if the port is privileged.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.create_server((host, port), family=family).close()
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return False
        raise
    return True


def free_port() -> int:
    """Find a port that is free at this moment; another server may take it before you do.

    No outgoing connection takes it: systems draw the ports of those from 32768 on. Raises OSError
    if a hundred ports are taken.
    """
    for port in SystemRandom().sample(_PORTS_OF_SERVERS, _PORTS_TRIED):
        if is_free(port):
            return port
    raise OSError(errno.EADDRINUSE, "no free port was found")


def holder(port: int) -> str | None:
    """Tell who listens on the port, as in "python (pid 123)".

    None if nobody does, or if it cannot be seen because the process is another user's.
    """
    try:
        connections = psutil.net_connections(kind="tcp")
    except psutil.AccessDenied:
        return None
    for connection in connections:
        listens = connection.status == psutil.CONN_LISTEN
        if listens and connection.pid and connection.laddr and connection.laddr.port == port:
            return f"{_name(connection.pid)} (pid {connection.pid})"
    return None


def _name(pid: int) -> str:
    try:
        return psutil.Process(pid).name()
    except psutil.Error:
        return "a process"
