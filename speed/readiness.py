"""Notifies whoever started the worker that it is at work, as systemd and `tandem up` ask for it."""

import os
import socket
from contextlib import suppress

_VARIABLE = "NOTIFY_SOCKET"


def notify_ready() -> None:
    """Say so at the socket that the environment names; without one, nobody has asked.

    A name that begins with @ is one of Linux's abstract names.
    """
    address = os.environ.get(_VARIABLE)
    if not address:
        return
    if address.startswith("@"):
        address = f"\0{address[1:]}"
    # Whoever asked may be gone: that is no reason not to work.
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify_socket:
        notify_socket.sendto(b"READY=1", address)
