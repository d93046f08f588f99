"""What bulk work leaves to those who answer, where cores are short."""

import os
from contextlib import suppress
from pathlib import Path

NICENESS = 10
"""Beside the API and the speed worker it gets a tenth of a core they all want."""


def let_others_go_first() -> None:
    """From now on this thread, and those it begins, wait where cores are short.

    If the process leads its session, so does all of that.
    """
    os.nice(max(0, NICENESS - os.nice(0)))
    if os.getsid(0) == os.getpid():
        _let_sessions_go_first(os.getpid())


def let_others_go_before_backend(pid: int, role: str, database: str) -> None:
    """The same for the process of PostgreSQL that serves a connection.

    Nothing happens if it runs on another machine, or we may not. PostgreSQL keeps its name up to
    date: who has this role and works in this database.
    """
    with suppress(OSError):
        name = Path(f"/proc/{pid}/cmdline").read_bytes()
        if name.startswith(b"postgres: ") and f" {role} {database} ".encode() in name:
            _let_sessions_go_first(pid)


def _let_sessions_go_first(pid: int) -> None:
    """Lower the session of a process, where the kernel shares cores out by sessions.

    There niceness counts within a session alone, and each process of PostgreSQL is one of its own
    (sched(7), "The autogroup feature").
    """
    with suppress(OSError):
        Path(f"/proc/{pid}/autogroup").write_text(str(NICENESS), encoding="ascii")
