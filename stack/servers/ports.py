"""TCP ports of this machine: which are free, and who holds the others."""

import errno
import socket

import psutil


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


def free_port(host: str = "127.0.0.1") -> int:
    """Find a port that is free at this moment; another program may take it before you do."""
    with socket.create_server((host, 0)) as server:
        port: int = server.getsockname()[1]
        return port


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
