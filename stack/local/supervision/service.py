"""What the supervisor has to know of a process: how it starts, when it is ready, how it stops."""

import signal
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from stack.local.servers.child_process import Escalation

POLITE: Escalation = ((signal.SIGTERM, 10.0),)


@dataclass(frozen=True, slots=True)
class Launch:
    """One start of a process, its folders prepared."""

    command: list[str]
    options: Callable[[], dict[str, Any]]
    """Options of `subprocess.Popen`; asked for by the thread that starts the process."""
    wait_until_ready: Callable[[subprocess.Popen[Any]], None]
    """Blocks until the process answers. Raises ServerNotReadyError."""


@dataclass(frozen=True, slots=True)
class Service:
    """A process to keep alive."""

    name: str
    prepare: Callable[[], Launch]
    """Called before every start, in a thread. RuntimeError or OSError: it cannot be started."""
    shutdown: Escalation = POLITE
