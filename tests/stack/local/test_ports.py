"""Ports: who holds those in use, and which are free for a server."""

import subprocess
import sys

from stack.local.ports import free_port, holder, is_free
from tests.programs import next_line, program

LISTENER = """
import socket, sys
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
print(flush=True)
server.accept()
"""


def test_a_port_in_use_is_reported_with_its_holder() -> None:
    port = free_port()
    assert is_free(port)
    assert holder(port) is None
    command = [sys.executable, "-c", LISTENER, str(port)]
    with program(command, stdout=subprocess.PIPE, text=True) as listener:
        next_line(listener)
        assert not is_free(port)
        assert f"(pid {listener.pid})" in (holder(port) or "")


def test_a_free_port_is_below_those_of_outgoing_connections() -> None:
    assert all(1024 < free_port() < 32_768 for _ in range(50))
