"""`python -m tests.serving.hanging_start FOLDER`: two workers, of which one hangs as it starts.

Its successor does not, and ends the program.
"""

import asyncio
import os
import signal
import socket
import sys
from functools import partial
from pathlib import Path

from serving.server.workers import Heart, Workers


def main() -> None:
    """Serve until the successor is there; print the code that the workers end with."""
    serve = partial(_serve, Path(sys.argv[1]) / "started")
    with socket.socket() as listener:
        workers = Workers(serve, listener, 2, stop_seconds=5, hung_seconds=60, start_seconds=1)
        sys.stdout.write(f"{workers.run()}\n")


def _serve(started: Path, number: int, _listener: socket.socket, heart: Heart) -> None:
    if number == 1:
        if started.exists():
            os.kill(os.getppid(), signal.SIGTERM)
        started.touch()
    else:
        asyncio.run(heart.beat())
    signal.pause()


if __name__ == "__main__":
    main()
