"""`tandem psql`: PostgreSQL's own terminal on the database."""

import signal
import subprocess

from stack.home import Home
from stack.servers.binaries import postgres_program
from stack.settings import StackSettings
from stack.stores import opened_stores


def run(settings: StackSettings, home: Home, *, arguments: list[str]) -> int:
    """Exit code of psql."""
    with opened_stores(settings, home, "tandem psql") as stores:
        # Ctrl-C belongs to psql: it cancels a query there.
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            command = [str(postgres_program("psql")), stores.database_url, *arguments]
            ended = subprocess.run(command, check=False, preexec_fn=_obey_interrupts)  # noqa: S603 - ours
            return ended.returncode
        finally:
            signal.signal(signal.SIGINT, before)


def _obey_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
