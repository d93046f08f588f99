"""What a killed `tandem up` has left running."""

import os
import signal
from contextlib import suppress

import psutil

from stack.local.supervision.state import StackState

PATIENCE_SECONDS = 15.0


def end_leftovers(state: StackState | None) -> list[str]:
    """End the processes of the state file that still run; answers their names.

    A process number alone proves nothing after a crash: only a process that began when ours did is
    touched.
    """
    if state is None:
        return []
    alive = {
        name: psutil.Process(entry.pid)
        for name, entry in state.processes.items()
        if entry.is_alive()
    }
    for name, process in alive.items():
        with suppress(psutil.Error):
            # To PostgreSQL, SIGTERM means to wait for its clients.
            process.send_signal(signal.SIGINT if name == "postgres" else signal.SIGTERM)
    _, stubborn = psutil.wait_procs(alive.values(), timeout=PATIENCE_SECONDS)
    for process in stubborn:
        # Each is the leader of its own group, so its children end with it.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    psutil.wait_procs(stubborn, timeout=PATIENCE_SECONDS)
    return list(alive)
